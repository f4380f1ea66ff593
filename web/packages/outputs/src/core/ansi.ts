/**
 * ANSI escape sequences of terminal output (ECMA-48 SGR, xterm's 256 and true colours, OSC 8 links) to styled runs.
 * Every other sequence and control character is dropped; the server has already applied `\r` and `\b`.
 */

/** Palette index 0–15, which a theme colours, or a CSS colour. */
export type AnsiColour = number | string;

export interface AnsiStyle {
  readonly fg?: AnsiColour;
  readonly bg?: AnsiColour;
  readonly bold?: boolean;
  readonly dim?: boolean;
  readonly italic?: boolean;
  readonly underline?: boolean;
  readonly strike?: boolean;
  readonly inverse?: boolean;
  readonly href?: string;
}

export interface AnsiRun {
  readonly text: string;
  readonly style: AnsiStyle;
}

export const PLAIN: AnsiStyle = Object.freeze({});

// CSI | OSC (bounded, so that a run of unfinished ones stays linear) | other escapes | an unfinished one | controls.
const TOKEN =
  // oxlint-disable-next-line eslint/no-control-regex
  /\x1b\[([0-9:;<=>?]{0,256})[ -/]{0,4}([@-~])|\x1b\]([^\x07\x1b]{0,4096})(?:\x07|\x1b\\)|\x1b[ -/]{0,4}[0-Z\\^-~]|\x1b\[?[0-9:;<=>?]{0,256}|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

const CUBE = [0, 95, 135, 175, 215, 255];

function colour256(index: number): AnsiColour | undefined {
  if (!Number.isInteger(index) || index < 0 || index > 255) return undefined;
  if (index < 16) return index;
  if (index >= 232) {
    const grey = 8 + (index - 232) * 10;
    return `rgb(${grey} ${grey} ${grey})`;
  }
  const rest = index - 16;
  return `rgb(${CUBE[Math.floor(rest / 36)]} ${CUBE[Math.floor(rest / 6) % 6]} ${CUBE[rest % 6]})`;
}

const isByte = (value: number | undefined): value is number => value !== undefined && value >= 0 && value <= 255;

/** Reads the colour after 38 or 48 at `at`; returns it and how many parameters it took. */
function extendedColour(codes: readonly number[], at: number): [AnsiColour | undefined, number] {
  if (codes[at] === 5) return [colour256(codes[at + 1] ?? -1), 2];
  if (codes[at] !== 2) return [undefined, 0];
  const [r, g, b] = codes.slice(at + 1, at + 4);
  return [isByte(r) && isByte(g) && isByte(b) ? `rgb(${r} ${g} ${b})` : undefined, 4];
}

const FLAGS: Readonly<Record<number, Partial<AnsiStyle>>> = {
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  9: { strike: true },
  21: { underline: true },
  22: { bold: false, dim: false },
  23: { italic: false },
  24: { underline: false },
  27: { inverse: false },
  29: { strike: false },
};

/** `38:2::r:g:b` and `38:5:n` spell a colour with colons; turns them into the form with semicolons. */
function parameters(text: string): number[] {
  return text.split(';').flatMap((part) => {
    if (!part.includes(':')) return [part === '' ? 0 : Number(part)];
    const pieces = part.split(':');
    if (pieces[0] === '4') return [pieces[1] === '0' ? 24 : 4];
    if (pieces[1] === '2' && pieces.length >= 6) pieces.splice(2, 1);
    return pieces.map((piece) => (piece === '' ? 0 : Number(piece)));
  });
}

function applySgr(style: AnsiStyle, text: string): AnsiStyle {
  let next: { -readonly [K in keyof AnsiStyle]: AnsiStyle[K] } = { ...style };
  const codes = parameters(text);
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0;
    if (code === 0) next = next.href === undefined ? {} : { href: next.href };
    else if (FLAGS[code] !== undefined) Object.assign(next, FLAGS[code]);
    else if (code >= 30 && code <= 37) next.fg = code - 30;
    else if (code >= 90 && code <= 97) next.fg = code - 82;
    else if (code >= 40 && code <= 47) next.bg = code - 40;
    else if (code >= 100 && code <= 107) next.bg = code - 92;
    else if (code === 39) delete next.fg;
    else if (code === 49) delete next.bg;
    else if (code === 38 || code === 48) {
      const [colour, taken] = extendedColour(codes, at + 1);
      at += taken;
      if (colour !== undefined) next[code === 38 ? 'fg' : 'bg'] = colour;
    }
  }
  return next;
}

/** Returns the URL when it is one that a link in an output may have, else undefined. */
export function safeLink(url: string): string | undefined {
  if (url.length > 2048) return undefined;
  try {
    const parsed = new URL(url);
    return ['http:', 'https:', 'mailto:'].includes(parsed.protocol) ? parsed.href : undefined;
  } catch {
    return undefined;
  }
}

function applyOsc(style: AnsiStyle, body: string): AnsiStyle {
  const match = /^8;[^;]*;(.*)$/.exec(body);
  if (match === null) return style;
  const href = safeLink(match[1] ?? '');
  const { href: _before, ...rest } = style;
  return href === undefined ? rest : { ...rest, href };
}

/** Parses one text from the style in force before it; returns its runs and the style in force after it. */
export function parseAnsi(text: string, style: AnsiStyle = PLAIN): { runs: AnsiRun[]; style: AnsiStyle } {
  const runs: AnsiRun[] = [];
  let now = style;
  let from = 0;
  const push = (to: number) => {
    if (to > from) runs.push({ text: text.slice(from, to), style: now });
  };
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    push(match.index);
    from = TOKEN.lastIndex;
    if (match[2] === 'm' && !/[<=>?]/.test(match[1] ?? '')) now = applySgr(now, match[1] ?? '');
    else if (match[3] !== undefined) now = applyOsc(now, match[3]);
  }
  push(text.length);
  return { runs, style: now };
}

export const sameStyle = (a: AnsiStyle, b: AnsiStyle): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

/** Returns the text without any escape sequence. */
export const stripAnsi = (text: string): string => text.replace(TOKEN, '');

const URL_IN_TEXT = /\bhttps?:\/\/[^\s<>"'`\\^{}|]{1,2000}/g;

/** Splits a text at the web addresses in it. */
export function splitLinks(text: string): { text: string; href?: string }[] {
  if (!text.includes('://')) return [{ text }];
  const pieces: { text: string; href?: string }[] = [];
  let from = 0;
  for (const match of text.matchAll(URL_IN_TEXT)) {
    let found = match[0].replace(/[.,;:!?]+$/, '');
    if (found.endsWith(')') && !found.includes('(')) found = found.slice(0, -1);
    const href = safeLink(found);
    if (href === undefined) continue;
    if (match.index > from) pieces.push({ text: text.slice(from, match.index) });
    pieces.push({ text: found, href });
    from = match.index + found.length;
  }
  if (from < text.length) pieces.push({ text: text.slice(from) });
  return pieces;
}
