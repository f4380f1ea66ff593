/**
 * Ranges of a cell's text that follow it through edits: two Yjs relative positions and the text that stood between them.
 * A range shrinks when some of its text is deleted; what is typed beside its ends stays outside. With all of it gone it
 * is found again where its quote stands, as after an undo; every page comes to the same answer, from the document alone.
 */
import * as Y from 'yjs';

export interface Anchor {
  /** Relative positions in base64. */
  start: string;
  end: string;
}

/** Offsets in UTF-16 units; `from` is less than `to`. */
export interface TextRange {
  from: number;
  to: number;
}

const encode = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
const decode = (text: string): Uint8Array => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));

export function makeAnchor(text: Y.Text, { from, to }: TextRange): Anchor {
  const at = (index: number, side: number) =>
    encode(Y.encodeRelativePosition(Y.createRelativePositionFromTypeIndex(text, index, side)));
  // Each end holds on to a character inside, so that what is typed at the edge stays outside.
  return { start: at(from, 0), end: at(to, -1) };
}

function offset(position: string, text: Y.Text): number | null {
  if (!text.doc) return null;
  try {
    const relative = Y.decodeRelativePosition(decode(position));
    // Redone deletions are known to the page that redid them alone: the quote finds them for everybody.
    const absolute = Y.createAbsolutePositionFromRelativePosition(relative, text.doc, false);
    return absolute?.type === text ? absolute.index : null;
  } catch {
    return null;
  }
}

/** Where `quote` stands, as near to `near` as it can be; null when it does not. */
function find(source: string, quote: string, near: number): TextRange | null {
  if (!quote) return null;
  let best = -1;
  for (let at = source.indexOf(quote); at >= 0; at = source.indexOf(quote, at + 1))
    if (best < 0 || Math.abs(at - near) < Math.abs(best - near)) best = at;
  return best < 0 ? null : { from: best, to: best + quote.length };
}

/** The range now; null when nothing of its text is left. */
export function resolveAnchor(text: Y.Text, anchor: Anchor, quote: string): TextRange | null {
  const from = offset(anchor.start, text);
  const to = offset(anchor.end, text);
  if (from !== null && to !== null && from < to) return { from, to };
  return find(text.toString(), quote, from ?? to ?? 0);
}
