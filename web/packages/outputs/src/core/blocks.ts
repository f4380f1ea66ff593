/** Lines as DOM in blocks of 64: an append touches the last block only, however long the stream is. */
import { type AnsiStyle, PLAIN, sameStyle } from './ansi';
import { appendAnsi, h } from './dom';
import { say } from './strings';

const BLOCK_LINES = 64;
const LINE_CHARACTERS = 20_000;

interface Block {
  text: string;
  before: AnsiStyle;
  after: AnsiStyle;
  el: HTMLElement;
}

/** Cuts a line that is too long to lay out. */
export function cutLine(line: string): string {
  if (line.length <= LINE_CHARACTERS) return line;
  return line.slice(0, LINE_CHARACTERS) + say('lineCut', { n: line.length - LINE_CHARACTERS });
}

/** Tells how high a block is before it is laid out, unless its lines are wrapped: what is below would jump otherwise. */
function estimate(el: HTMLElement, text: string): void {
  el.style.setProperty('--lines', String(text.split('\n').length));
}

export class LineBlocks {
  readonly el: HTMLElement = h('div');
  private blocks = new Map<number, Block>();

  /** Shows `lines`, the first of which is line number `first` of the stream; keeps the blocks that stay the same. */
  show(first: number, lines: readonly string[]): void {
    const next = new Map<number, Block>();
    let style = PLAIN;
    let previous: HTMLElement | null = null;
    for (let at = 0; at < lines.length;) {
      const number = Math.floor((first + at) / BLOCK_LINES);
      const end = Math.min(lines.length, (number + 1) * BLOCK_LINES - first);
      const block = this.block(number, lines.slice(at, end).map(cutLine).join('\n'), style);
      const place: ChildNode | null = previous === null ? this.el.firstChild : previous.nextSibling;
      if (place !== block.el) this.el.insertBefore(block.el, place);
      next.set(number, block);
      previous = block.el;
      style = block.after;
      at = end;
    }
    for (const [number, block] of this.blocks) if (next.get(number) !== block) block.el.remove();
    this.blocks = next;
  }

  private block(number: number, text: string, before: AnsiStyle): Block {
    const old = this.blocks.get(number);
    if (old !== undefined && sameStyle(old.before, before)) {
      if (old.text === text) return old;
      // An append to a block whose end is plain needs no new parse of what stands there.
      const escapes = old.text.lastIndexOf('\u001b');
      if (text.startsWith(old.text + '\n') && old.text.length - escapes > 256) {
        const after = appendAnsi(old.el, text.slice(old.text.length), old.after);
        estimate(old.el, text);
        return Object.assign(old, { text, after });
      }
    }
    const el = h('div', { class: 'lo-lines' });
    estimate(el, text);
    return { text, before, after: appendAnsi(el, text, before), el };
  }
}
