/** What a cell's source says of a form: title, text and fields, each with the place of its literal. */
import { type Field, readField } from './fields';
import { stringEnd } from './literals';
import { flagOf, type Options, readTrailing, textOf } from './options';

export type Mode = 'form' | 'code' | 'both';

export interface Title {
  text: string;
  /** The line's place in the source. */
  from: number;
  to: number;
  options: Options;
  auto: boolean;
  mode: Mode | null;
  /** A CSS width: `50%`, `300px`. */
  width: string | null;
  vertical: boolean;
}

export interface Text {
  kind: 'text';
  markdown: string;
}

export interface Form {
  title: Title | null;
  parts: readonly (Text | Field)[];
  /** Where the last line of the form ends. */
  end: number;
}

const MAX_LINE = 100_000;
const ANY = /#[ \t]*@(?:title|param|markdown)(?![\w-])/;
const LINE = /^[ \t]*#[ \t]*@(title|markdown)(?![\w-])[ \t]?(.*)$/;
const WIDTH = /^\d{1,4}(?:\.\d{1,3})?(?:%|px)$/;
const MODES: ReadonlySet<unknown> = new Set<Mode>(['form', 'code', 'both']);

export const isMode = (value: unknown): value is Mode => MODES.has(value);

/** Reads the form of a source; null where it has none. Never throws. */
export function parseForm(source: string): Form | null {
  if (!ANY.test(source)) return null;
  let title: Title | null = null;
  let end = 0;
  const parts: (Text | Field)[] = [];
  const texts = insideTexts(source);
  const seen = new Map<string, number>();
  let from = 0;
  let joins = false;
  for (const line of source.split('\n')) {
    const at = from;
    from += line.length + 1;
    const before = parts.length;
    const shown = line.replace(/\r$/, '');
    if (shown.length > MAX_LINE || !shown.includes('@') || texts.some(([a, b]) => a < at && at < b)) {
      joins = false;
      continue;
    }
    const found = LINE.exec(shown);
    const field = found ? null : readField(shown, at, seen);
    if (field) parts.push(field);
    else if (found?.[1] === 'title' && !title) title = readTitle(found[2] ?? '', at, at + shown.length);
    else if (found?.[1] === 'markdown') {
      const last = parts.at(-1);
      if (joins && last?.kind === 'text') last.markdown += `\n${found[2]}`;
      else parts.push({ kind: 'text', markdown: found[2] ?? '' });
    }
    joins = found?.[1] === 'markdown';
    if (parts.length > before || found) end = at + shown.length;
  }
  return title || parts.length > 0 ? { title, parts, end } : null;
}

function readTitle(rest: string, from: number, to: number): Title {
  const found = readTrailing(rest);
  const options = found?.options ?? {};
  const mode = textOf(options['display-mode']);
  const width = textOf(options['form-width'])?.trim() ?? '';
  return {
    text: rest.slice(0, found?.at).trim(),
    from,
    to,
    options,
    auto: textOf(options['run']) === 'auto',
    mode: isMode(mode) ? mode : null,
    width: WIDTH.test(width) ? width : null,
    vertical: flagOf(options['vertical-output']),
  };
}

/** The strings of several lines: what stands there is text, whatever it looks like. */
function insideTexts(source: string): [number, number][] {
  if (!/"""|'''/.test(source)) return [];
  const found: [number, number][] = [];
  let at = 0;
  while (at < source.length) {
    const sign = source[at];
    if (sign === '#') at = lineEnd(source, at);
    else if (sign === '"' || sign === "'") {
      const long = source.startsWith(sign.repeat(3), at);
      const line = lineEnd(source, at);
      const end = stringEnd(source, at, long ? source.length : line);
      if (long && end < 0) return found;
      // A quote that is open where the line ends is an apostrophe of a shell line or of text: it spans no lines.
      if (end < 0) at = line;
      else {
        if (end > line) found.push([at, end]);
        at = end;
      }
    } else at++;
  }
  return found;
}

function lineEnd(source: string, at: number): number {
  const end = source.indexOf('\n', at);
  return end < 0 ? source.length : end;
}

/** What is shown of a cell: what its metadata says, else its title, else both. */
export function modeOf(form: Form, cellView: unknown): Mode {
  return isMode(cellView) ? cellView : (form.title?.mode ?? 'both');
}

const cache = new Map<string, Form | null>();

/** Like `parseForm`; the same form for the same source. */
export function formOf(source: string): Form | null {
  if (!ANY.test(source)) return null;
  let form = cache.get(source);
  if (form === undefined) {
    form = parseForm(source);
    if (cache.size >= 300) cache.delete(cache.keys().next().value ?? '');
    cache.set(source, form);
  }
  return form;
}
