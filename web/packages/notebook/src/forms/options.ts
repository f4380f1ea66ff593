/** Options behind `#@param` and `#@title`: lists and objects as JavaScript, JSON or Python would spell them. */

/** What stood there without quotes, such as `sts_dev` or `1024`. */
export class Word {
  constructor(readonly text: string) {}
}

export type Option = string | Word | readonly Option[] | Options;
export interface Options {
  readonly [key: string]: Option;
}

export interface Read<T> {
  value: T;
  end: number;
}

const MAX_DEPTH = 8;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' };

/** Reads the list or object that opens at `at`; null where it is not closed or is none. */
export function readOption(text: string, at: number): Read<Option> | null {
  try {
    return new Reader(text).value(at, 0);
  } catch (error) {
    if (error instanceof Broken) return null;
    throw error;
  }
}

class Broken extends Error {}

class Reader {
  constructor(readonly text: string) {}

  value(at: number, depth: number): Read<Option> {
    const sign = this.text[at];
    if (depth > MAX_DEPTH) throw new Broken();
    if (sign === '[') return this.#list(at + 1, depth);
    if (sign === '{') return this.#object(at + 1, depth);
    if (sign === '"' || sign === "'") return this.#string(at);
    return this.#word(at);
  }

  #list(start: number, depth: number): Read<Option> {
    const items: Option[] = [];
    let at = this.#skip(start);
    while (this.text[at] !== ']') {
      const item = this.value(at, depth + 1);
      items.push(item.value);
      at = this.#next(item.end, ']');
    }
    return { value: items, end: at + 1 };
  }

  #object(start: number, depth: number): Read<Options> {
    const members: [string, Option][] = [];
    let at = this.#skip(start);
    while (this.text[at] !== '}') {
      const quoted = this.text[at] === '"' || this.text[at] === "'";
      const key = quoted ? this.#string(at) : this.#key(at);
      at = this.#skip(key.end);
      if (this.text[at] !== ':') throw new Broken();
      const member = this.value(this.#skip(at + 1), depth + 1);
      members.push([key.value, member.value]);
      at = this.#next(member.end, '}');
    }
    return { value: Object.fromEntries(members), end: at + 1 };
  }

  #string(start: number): Read<string> {
    const quote = this.text[start];
    let value = '';
    for (let at = start + 1; at < this.text.length; at++) {
      const sign = this.text[at] ?? '';
      if (sign === quote) return { value, end: at + 1 };
      if (sign !== '\\') value += sign;
      else {
        const unicode = /^u([0-9a-fA-F]{4})/.exec(this.text.slice(at + 1, at + 6));
        const escaped = this.text[at + 1] ?? '';
        value += unicode ? String.fromCharCode(Number.parseInt(unicode[1] ?? '', 16)) : (ESCAPES[escaped] ?? escaped);
        at += unicode ? 5 : 1;
      }
    }
    throw new Broken();
  }

  #key(at: number): Read<string> {
    const key = /^[\w$-]+/.exec(this.text.slice(at, at + 100))?.[0];
    if (!key) throw new Broken();
    return { value: key, end: at + key.length };
  }

  /** Everything up to a comma or an end, as it stands. */
  #word(at: number): Read<Word> {
    let end = at;
    while (end < this.text.length && !',]}[{'.includes(this.text[end] ?? '')) end++;
    const text = this.text.slice(at, end).trim();
    if (!text) throw new Broken();
    return { value: new Word(text), end };
  }

  #next(from: number, closing: string): number {
    const at = this.#skip(from);
    if (this.text[at] === ',') return this.#skip(at + 1);
    if (this.text[at] !== closing) throw new Broken();
    return at;
  }

  #skip(from: number): number {
    let at = from;
    while (/\s/.test(this.text[at] ?? '')) at++;
    return at;
  }
}

const isOptions = (value: Option): value is Options =>
  typeof value === 'object' && !(value instanceof Word) && !Array.isArray(value);

/** The lists and objects one after another at the start of `text`; null where one of them is not closed. */
export function readOptions(text: string): { list: readonly Option[] | null; options: Options } | null {
  let list: readonly Option[] | null = null;
  const options: Record<string, Option> = {};
  let at = /^\s*/.exec(text)?.[0].length ?? 0;
  while (text[at] === '[' || text[at] === '{') {
    const read = readOption(text, at);
    if (!read) return null;
    if (isOptions(read.value)) Object.assign(options, read.value);
    else list ??= read.value as readonly Option[];
    at = read.end + (/^[\s,]*/.exec(text.slice(read.end))?.[0].length ?? 0);
  }
  return { list, options };
}

/** The object that a line ends with, and where it begins. */
export function readTrailing(text: string): { at: number; options: Options } | null {
  const end = text.trimEnd().length;
  let at = text.indexOf('{');
  for (let tries = 0; at >= 0 && tries < 20; tries++, at = text.indexOf('{', at + 1)) {
    const read = readOption(text, at);
    if (read?.end === end && isOptions(read.value)) return { at, options: read.value };
  }
  return null;
}

export const textOf = (value: Option | undefined): string | undefined =>
  typeof value === 'string' ? value : value instanceof Word ? value.text : undefined;

export const numberOf = (value: Option | undefined): number | undefined => {
  const text = textOf(value);
  const number = text?.trim() ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
};

export const flagOf = (value: Option | undefined): boolean => textOf(value)?.toLowerCase() === 'true';
