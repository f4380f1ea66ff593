/** Reading cells out of the Y.Doc (docs/protocols.md, section 2). */
import type * as Y from 'yjs';
import type { CellKind } from './types';

export type YCell = Y.Map<unknown>;

/** A cell without its source: it is replaced as a whole when one of its fields changes. */
export interface CellInfo {
  id: string;
  kind: CellKind;
  position: string;
  deleted: boolean;
  metadata: Readonly<Record<string, unknown>>;
  extra: Readonly<Record<string, unknown>>;
}

/** What a new cell is made of. */
export interface CellContent {
  kind: CellKind;
  source: string;
  metadata?: Record<string, unknown>;
  extra?: Record<string, unknown>;
}

const KINDS: ReadonlySet<unknown> = new Set<CellKind>(['code', 'markdown', 'raw']);

export function readCell(id: string, cell: YCell): CellInfo {
  const kind = cell.get('kind');
  return {
    id,
    kind: KINDS.has(kind) ? (kind as CellKind) : 'raw',
    position: String(cell.get('position') ?? ''),
    deleted: cell.get('deleted') === true,
    metadata: readJsonMap(cell.get('metadata') as Y.Map<string> | undefined),
    extra: readJsonMap(cell.get('extra') as Y.Map<string> | undefined),
  };
}

/** A map of key → JSON text as values; text that is not JSON is kept as a string. */
export function readJsonMap(map: Y.Map<string> | undefined): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [key, text] of map?.entries() ?? []) {
    try {
      values[key] = JSON.parse(text);
    } catch {
      values[key] = text;
    }
  }
  return values;
}

const ID_DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';

/** A cell id as nbformat 4.5 allows, of 62 random bits. */
export function newCellId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => ID_DIGITS[byte % ID_DIGITS.length]).join('');
}

/** The shortest single replacement that turns one text into another: `[from, to)` of the old one becomes `insert`. */
export function textDifference(before: string, after: string): { from: number; to: number; insert: string } {
  let from = 0;
  const most = Math.min(before.length, after.length);
  while (from < most && before[from] === after[from]) from++;
  let tail = 0;
  while (tail < most - from && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  // Surrogate pairs stay whole.
  if (from > 0 && isHigh(before.charCodeAt(from - 1))) from--;
  if (tail > 0 && isLow(before.charCodeAt(before.length - tail))) tail--;
  return { from, to: before.length - tail, insert: after.slice(from, after.length - tail) };
}

const isHigh = (unit: number): boolean => (unit & 0xfc00) === 0xd800;
const isLow = (unit: number): boolean => (unit & 0xfc00) === 0xdc00;
