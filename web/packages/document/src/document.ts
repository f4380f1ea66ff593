/** The shared notebook: cells, their order and metadata on one Y.Doc, with an undo of what this person did. */
import * as Y from 'yjs';
import { type CellContent, type CellInfo, newCellId, readCell, readJsonMap, textDifference, type YCell } from './cells';
import { Emitter } from './emitter';
import { compareKeys, positionBetween } from './position';
import type { CellKind } from './types';

/** Origin of what the person does: undo takes these back. */
export const EDIT = Symbol('edit');
/** Origin of local writes that undo leaves alone. */
const SETUP = Symbol('setup');

/**
 * `order`: the list of cells, or one's kind. `cell:<id>`: a cell's fields. `source:<id>`: its text. `reset`: another
 * Y.Doc, after which every Y.Text that was handed out is void.
 */
export type DocumentTopic = 'order' | 'metadata' | 'undo' | 'reset' | `cell:${string}` | `source:${string}`;

export class NotebookDocument {
  readonly #emitter = new Emitter<DocumentTopic>();
  readonly #infos = new Map<string, CellInfo>();
  #order: string[] | null = null;
  #bin: string[] | null = null;
  #metadata: Record<string, unknown> | null = null;
  #undo!: Y.UndoManager;
  #ydoc!: Y.Doc;
  /** Counts the Y.Docs: views that hold a Y.Text are made anew when it changes. */
  generation = 0;
  /** Called with every local update and the cells it touched. */
  onLocalUpdate: ((update: Uint8Array, cells: ReadonlySet<string>) => void) | null = null;
  #touched = new Set<string>();

  constructor() {
    this.#attach();
  }

  get ydoc(): Y.Doc {
    return this.#ydoc;
  }

  get #cells(): Y.Map<YCell> {
    return this.#ydoc.getMap<YCell>('cells');
  }

  readonly on = (topic: DocumentTopic, listener: () => void): (() => void) => this.#emitter.on(topic, listener);

  /** Throws the history away: the next document comes from the server. */
  reset(): void {
    this.#undo.destroy();
    this.#ydoc.destroy();
    this.generation++;
    this.#attach();
    this.#emitter.emitAll();
  }

  destroy(): void {
    this.#undo.destroy();
    this.#ydoc.destroy();
  }

  // --- Reading ---------------------------------------------------------------------------------------------------

  /** Ids of the cells that are not deleted, in order. The same array until the list changes. */
  readonly cellIds = (): readonly string[] => (this.#order ??= this.#sorted(false));

  /** Ids of the cells in the bin. */
  readonly deletedIds = (): readonly string[] => (this.#bin ??= this.#sorted(true));

  cell(id: string): CellInfo | null {
    const known = this.#infos.get(id);
    if (known) return known;
    const cell = this.#cells.get(id);
    if (!cell) return null;
    const info = readCell(id, cell);
    this.#infos.set(id, info);
    return info;
  }

  text(id: string): Y.Text | null {
    const text = this.#cells.get(id)?.get('source');
    return text instanceof Y.Text ? text : null;
  }

  source(id: string): string {
    return this.text(id)?.toString() ?? '';
  }

  readonly metadata = (): Readonly<Record<string, unknown>> =>
    (this.#metadata ??= readJsonMap(this.#ydoc.getMap<string>('metadata')));

  /** A cell with its source, as it is copied. */
  content(id: string): CellContent | null {
    const info = this.cell(id);
    if (!info) return null;
    return { kind: info.kind, source: this.source(id), metadata: { ...info.metadata }, extra: { ...info.extra } };
  }

  /** Where a cell stands in the list, or -1. */
  indexOf(id: string): number {
    return this.cellIds().indexOf(id);
  }

  // --- Editing ---------------------------------------------------------------------------------------------------

  /** Runs one undoable step: a structural change never shares its step with typing. */
  edit(change: () => void): void {
    this.#undo.stopCapturing();
    this.#ydoc.transact(change, EDIT);
    this.#undo.stopCapturing();
  }

  /**
   * Inserts cells after another one (`null`: at the top) and returns their ids. Undo puts them into the bin.
   * `sameStep` changes what belongs to the same step of undo.
   */
  insert(contents: readonly CellContent[], after: string | null, sameStep: () => void = () => {}): string[] {
    const positions = this.#positionsAfter(after, contents.length);
    const made = positions.map((position) => ({ id: newCellId(), position }));
    const ids = made.map((one) => one.id);
    // Made as deleted cells first, which undo never takes back: undoing an insertion while a colleague types in the
    // new cell then moves it into the bin instead of destroying what they wrote.
    this.#ydoc.transact(() => {
      for (const [at, content] of contents.entries()) this.#make(made[at], content);
    }, SETUP);
    this.edit(() => {
      for (const id of ids) this.#cells.get(id)?.delete('deleted');
      sameStep();
    });
    return ids;
  }

  /** Moves cells into the bin. */
  remove(ids: readonly string[]): void {
    this.edit(() => {
      for (const id of ids) this.#cells.get(id)?.set('deleted', true);
    });
  }

  /** Takes cells out of the bin; each comes back where it stood. */
  restore(ids: readonly string[]): void {
    this.edit(() => {
      for (const id of ids) this.#cells.get(id)?.delete('deleted');
    });
  }

  /** Moves cells, in their order, behind another one (`null`: to the top). */
  move(ids: readonly string[], after: string | null): void {
    const moving = this.cellIds().filter((id) => ids.includes(id));
    const positions = this.#positionsAfter(after, moving.length, new Set(moving));
    this.edit(() => {
      for (const [at, position] of positions.entries()) this.#cells.get(moving[at] ?? '')?.set('position', position);
    });
  }

  /** Cuts a cell in two at an offset of its source; returns the id of the second part. */
  split(id: string, offset: number): string | null {
    const content = this.content(id);
    const text = this.text(id);
    if (!content || !text) return null;
    const tail = content.source.slice(offset);
    const [created] = this.insert([{ kind: content.kind, source: tail.replace(/^\n/, '') }], id, () => {
      text.delete(offset, tail.length);
      if (content.source[offset - 1] === '\n') text.delete(offset - 1, 1);
    });
    return created ?? null;
  }

  /** Appends the cells to the first one of them and deletes the rest. */
  merge(ids: readonly string[]): void {
    const [first, ...rest] = this.cellIds().filter((id) => ids.includes(id));
    const text = first ? this.text(first) : null;
    if (!text) return;
    this.edit(() => {
      for (const id of rest) {
        text.insert(text.length, `\n${this.source(id)}`);
        this.#cells.get(id)?.set('deleted', true);
      }
    });
  }

  setKind(ids: readonly string[], kind: CellKind): void {
    this.edit(() => {
      for (const id of ids) if (this.cell(id)?.kind !== kind) this.#cells.get(id)?.set('kind', kind);
    });
  }

  /** Sets one key of a cell's metadata; `undefined` removes it. */
  setCellMetadata(id: string, key: string, value: unknown): void {
    const map = this.#cells.get(id)?.get('metadata');
    if (!(map instanceof Y.Map)) return;
    this.edit(() => setJson(map as Y.Map<string>, key, value));
  }

  /** Sets one key of the notebook's metadata; `undefined` removes it. */
  setMetadata(key: string, value: unknown): void {
    this.edit(() => setJson(this.#ydoc.getMap<string>('metadata'), key, value));
  }

  /** Replaces `[from, to)` of a cell's source, as typing does: what follows soon is of the same step of undo. */
  replace(id: string, from: number, to: number, insert: string): void {
    const text = this.text(id);
    if (!text || (from === to && !insert)) return;
    this.#ydoc.transact(() => {
      text.delete(from, to - from);
      text.insert(from, insert);
    }, EDIT);
  }

  /** Turns a cell's source into `source`, touching only what differs. */
  replaceSource(id: string, source: string): void {
    const text = this.text(id);
    if (!text) return;
    const { from, to, insert } = textDifference(text.toString(), source);
    if (from === to && !insert) return;
    this.edit(() => {
      text.delete(from, to - from);
      text.insert(from, insert);
    });
  }

  // --- Undo ------------------------------------------------------------------------------------------------------

  canUndo = (): boolean => this.#undo.undoStack.length > 0;
  canRedo = (): boolean => this.#undo.redoStack.length > 0;

  /** Takes back the last step of this person; returns the cells it changed. */
  undo(): string[] {
    return this.#step(() => this.#undo.undo());
  }

  redo(): string[] {
    return this.#step(() => this.#undo.redo());
  }

  /** What is typed from here on is a step of its own. */
  endStep(): void {
    this.#undo.stopCapturing();
  }

  #step(take: () => unknown): string[] {
    let cells: string[] = [];
    const observe = (events: Y.YEvent<Y.AbstractType<unknown>>[]) => (cells = [...touchedCells(events)]);
    this.#cells.observeDeep(observe);
    take();
    this.#cells.unobserveDeep(observe);
    return cells;
  }

  // --- Inside ----------------------------------------------------------------------------------------------------

  #attach(): void {
    const ydoc = new Y.Doc();
    this.#ydoc = ydoc;
    this.#infos.clear();
    this.#order = this.#bin = this.#metadata = null;
    this.#touched = new Set();
    const cells = ydoc.getMap<YCell>('cells');
    const metadata = ydoc.getMap<string>('metadata');
    this.#undo = new Y.UndoManager([cells, metadata], { trackedOrigins: new Set([EDIT]), captureTimeout: 500 });
    for (const event of ['stack-item-added', 'stack-item-popped', 'stack-cleared'] as const) {
      this.#undo.on(event, () => this.#emitter.emit('undo'));
    }
    cells.observeDeep((events, transaction) => this.#changed(events, transaction));
    metadata.observe(() => {
      this.#metadata = null;
      this.#emitter.emit('metadata');
    });
    ydoc.on('update', (update: Uint8Array, _origin: unknown, _doc: Y.Doc, transaction: Y.Transaction) => {
      const touched = this.#touched;
      this.#touched = new Set();
      if (transaction.local) this.onLocalUpdate?.(update, touched);
    });
  }

  #changed(events: Y.YEvent<Y.AbstractType<unknown>>[], transaction: Y.Transaction): void {
    const topics = new Set<DocumentTopic>();
    for (const event of events) {
      for (const id of touchedCells([event])) {
        if (transaction.local) this.#touched.add(id);
        if (event.target instanceof Y.Text) {
          topics.add(`source:${id}`);
          continue;
        }
        this.#infos.delete(id);
        topics.add(`cell:${id}`);
        if (event.path.length < 2) topics.add('order').add(`source:${id}`);
      }
    }
    if (topics.has('order')) this.#order = this.#bin = null;
    for (const topic of topics) this.#emitter.emit(topic);
  }

  #sorted(deleted: boolean): string[] {
    const cells: CellInfo[] = [];
    for (const id of this.#cells.keys()) {
      const info = this.cell(id);
      if (info && info.deleted === deleted) cells.push(info);
    }
    return cells.sort((a, b) => compareKeys(a.position, b.position) || compareKeys(a.id, b.id)).map((cell) => cell.id);
  }

  #make(place: { id: string; position: string } | undefined, content: CellContent): void {
    if (!place) return;
    const cell: YCell = new Y.Map();
    cell.set('source', new Y.Text(content.source));
    cell.set('kind', content.kind);
    cell.set('position', place.position);
    cell.set('deleted', true);
    cell.set('metadata', jsonMap(content.metadata));
    cell.set('extra', jsonMap(content.extra));
    this.#cells.set(place.id, cell);
  }

  #positionsAfter(after: string | null, count: number, without: ReadonlySet<string> = new Set()): string[] {
    const ids = this.cellIds().filter((id) => !without.has(id) || id === after);
    const at = after === null ? -1 : ids.indexOf(after);
    const below = after === null ? null : (ids[at] ?? ids.at(-1) ?? null);
    let low = below === null ? null : (this.cell(below)?.position ?? null);
    // Two cells may share a position (told apart by id): the next different one bounds the new key.
    const rest = after !== null && at < 0 ? [] : ids.slice(at + 1).map((id) => this.cell(id)?.position ?? '');
    const high = rest.find((position) => low === null || position > low) ?? null;
    const positions: string[] = [];
    for (let made = 0; made < count; made++) positions.push((low = positionBetween(low, high)));
    return positions;
  }
}

/** The cells that events touched: the first step of a path is the cell's id, at the top it is the changed keys. */
function touchedCells(events: readonly Y.YEvent<Y.AbstractType<unknown>>[]): Set<string> {
  const ids = new Set<string>();
  for (const event of events) {
    if (event.path.length > 0) ids.add(String(event.path[0]));
    else for (const id of event.changes.keys.keys()) ids.add(id);
  }
  return ids;
}

function jsonMap(values: Record<string, unknown> = {}): Y.Map<string> {
  return new Y.Map(Object.entries(values).map(([key, value]) => [key, JSON.stringify(value)]));
}

function setJson(map: Y.Map<string>, key: string, value: unknown): void {
  if (value === undefined) map.delete(key);
  else map.set(key, JSON.stringify(value));
}
