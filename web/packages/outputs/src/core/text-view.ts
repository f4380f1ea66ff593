/** text/plain of a display: ANSI styles, no markup. */
import { PLAIN } from './ansi';
import { LineBlocks } from './blocks';
import { splitLines } from './lines';
import { h } from './dom';
import { say } from './strings';
import { type DisplayOutput, type ValueView, type ViewEnv } from './types';
import { appendAnsi } from './dom';
import { readText } from './values';

const LINES_SHOWN = 2_000;

export class TextView implements ValueView {
  readonly el = h('div', { class: 'lo-pre' });
  private value: unknown;

  constructor(private readonly env: ViewEnv) {}

  update(value: unknown, _output: DisplayOutput): void {
    if (value === this.value) return;
    this.value = value;
    if (typeof value === 'string' && value.length < 4_000) this.small(value);
    else
      void readText(value, this.env).then(
        (text) => this.value === value && this.large(text),
        () => this.fail(),
      );
  }

  private small(text: string): void {
    this.el.replaceChildren();
    appendAnsi(this.el, text, PLAIN);
  }

  private large(text: string): void {
    const lines = splitLines(text);
    const blocks = new LineBlocks();
    blocks.show(0, lines.slice(0, LINES_SHOWN));
    this.el.replaceChildren(blocks.el);
    if (lines.length <= LINES_SHOWN) return;
    const all = h('button', { type: 'button' }, say('showAll'));
    const gap = h('div', { class: 'lo-gap' }, say('hidden', { n: lines.length - LINES_SHOWN }), ' ', all);
    all.addEventListener('click', () => {
      blocks.show(0, lines);
      gap.remove();
    });
    this.el.append(gap);
  }

  private fail(): void {
    this.el.replaceChildren(say('loadFailed'));
  }

  text(): Promise<string> {
    return readText(this.value, this.env);
  }

  dispose(): void {
    this.el.remove();
  }
}
