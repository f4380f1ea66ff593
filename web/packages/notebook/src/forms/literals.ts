/** Literals of Python on one line: where they end, what text they stand for, and how another text is spelled. */
import { textDifference } from '@labora/document';

export interface Scan {
  /** Where the code ends: at a comment or at the end of the line. */
  end: number;
  /** Whether every string and bracket that it opens is closed. */
  closed: boolean;
}

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** Where the string that opens at `at` ends, or -1 where that is not before `until`. */
export function stringEnd(line: string, at: number, until = line.length): number {
  const quote = line[at] ?? '';
  const mark = line.startsWith(quote.repeat(3), at) ? quote.repeat(3) : quote;
  for (let next = at + mark.length; next < until; next++) {
    if (line[next] === '\\') next++;
    else if (line.startsWith(mark, next)) return next + mark.length;
  }
  return -1;
}

/** Reads code from `from` to a comment or the end of the line. */
export function scanCode(line: string, from: number): Scan {
  const open: string[] = [];
  let at = from;
  while (at < line.length && line[at] !== '#') {
    const sign = line[at] ?? '';
    if (sign === '"' || sign === "'") {
      at = stringEnd(line, at);
      if (at < 0) return { end: line.length, closed: false };
      continue;
    }
    const closing = CLOSING[sign];
    if (closing) open.push(closing);
    else if (')]}'.includes(sign) && open.pop() !== sign) return { end: line.length, closed: false };
    at++;
  }
  return { end: at, closed: open.length === 0 && !/\\\s*$/.test(line.slice(from, at)) };
}

/** A string literal and what it stands for. */
export interface StringLiteral {
  prefix: string;
  quote: string;
  body: string;
  value: string;
}

const isRaw = (prefix: string): boolean => prefix.toLowerCase() === 'r';

/** Reads a literal that is one plain string; null for anything else, such as an f-string or an expression. */
export function readString(text: string): StringLiteral | null {
  const found = /^([uUrR]?)("""|'''|"|')/.exec(text);
  if (!found) return null;
  const [start, prefix = '', quote = ''] = found;
  if (stringEnd(text, prefix.length) !== text.length || text.length < start.length + quote.length) return null;
  const body = text.slice(start.length, -quote.length);
  const decoded = isRaw(prefix) ? { value: body } : decode(body);
  return decoded && { prefix, quote, body, value: decoded.value };
}

const SIMPLE: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|([^]))|\\$/y;

/** What the body of a string stands for, with the place in the body of every code unit; null where it is not known. */
function decode(body: string): { value: string; places: number[] } | null {
  let value = '';
  const places: number[] = [];
  let at = 0;
  const add = (text: string, length: number) => {
    for (let unit = 0; unit < text.length; unit++) places.push(at);
    value += text;
    at += length;
  };
  while (at < body.length) {
    if (body[at] !== '\\') {
      add(body[at] ?? '', 1);
      continue;
    }
    ESCAPE.lastIndex = at;
    const [whole = '', x, u, long, octal, sign] = ESCAPE.exec(body) ?? [];
    const hex = x ?? u ?? long;
    if (hex !== undefined) {
      const code = Number.parseInt(hex, 16);
      if (code > 0x10ffff) return null;
      add(String.fromCodePoint(code), whole.length);
    } else if (octal !== undefined) add(String.fromCodePoint(Number.parseInt(octal, 8)), whole.length);
    else if (sign === undefined || 'xuUN'.includes(sign)) return null;
    else if (SIMPLE[sign] !== undefined) add(SIMPLE[sign], 2);
    else {
      // An unknown escape stands for itself.
      add('\\', 1);
      add(sign, 1);
    }
  }
  places.push(at);
  return { value, places };
}

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\' };
// What would end the line or cannot be seen, and halves of surrogate pairs.
const HIDDEN =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function escape(text: string, quote: string): string {
  const mark = quote[0] ?? '"';
  return text
    .replaceAll('\\', '\\\\')
    .replaceAll(mark, `\\${mark}`)
    .replace(HIDDEN, (sign) => {
      const code = sign.charCodeAt(0);
      return NAMED[sign] ?? (code < 256 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`);
    });
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0');

/** Spells `value` as a string like `before`: its quotes and whatever of its text stays. */
export function writeString(value: string, before: StringLiteral | null): string {
  if (!before) return `"${escape(value, '"')}"`;
  const { prefix, quote } = before;
  const candidates = isRaw(prefix)
    ? [`${prefix}${quote}${value}${quote}`]
    : [`${prefix}${quote}${spliced(before, value)}${quote}`];
  const whole = `${isRaw(prefix) ? '' : prefix}${quote}${escape(value, quote)}${quote}`;
  const fits = (text: string) => !/[\r\n]/.test(text) && readString(text)?.value === value && text.search(HIDDEN) < 0;
  return candidates.find(fits) ?? whole;
}

/** The body of a literal with only the part spelled anew that differs: the escapes of the rest stay as they are. */
function spliced(before: StringLiteral, value: string): string {
  const places = decode(before.body)?.places;
  if (!places) return escape(value, before.quote);
  const { from, to, insert } = textDifference(before.value, value);
  return (
    before.body.slice(0, places[from]) +
    escape(insert, before.quote) +
    before.body.slice(places[to] ?? before.body.length)
  );
}
