/** A stream: its head and its tail, the middle on demand; all of it in a window that draws only what is seen. */
import { LineBlocks } from './blocks';
import { h } from './dom';
import { StreamLines } from './lines';
import { say } from './strings';
import { isStream, type Output, type StreamOutput, type View, type ViewEnv } from './types';
import { LineWindow } from './line-window';

const SHOWN_WHOLE_LINES = 1_200;
const SHOWN_WHOLE_BYTES = 512 * 1024;
const HEAD_LINES = 200;
const TAIL_LINES = 400;
const MORE_LINES = 1_000;
const HEAD_MAXIMUM = 6_000;
const COPY_MAXIMUM = 16 * 1024 * 1024;

export class StreamView implements View {
  readonly el: HTMLElement;
  private readonly lines: StreamLines;
  private readonly head = new LineBlocks();
  private readonly tail = new LineBlocks();
  private readonly gap = h('div', { class: 'lo-gap' });
  private headLines = HEAD_LINES;
  private window: LineWindow | null = null;
  private failed = false;

  constructor(
    private output: StreamOutput,
    env: ViewEnv,
  ) {
    const error = output.name === 'stderr';
    this.el = h('div', {
      class: error ? 'lo-stream lo-stderr' : 'lo-stream',
      role: 'group',
      'aria-label': say(error ? 'stderr' : 'stdout'),
    });
    this.lines = new StreamLines(async (part) =>
      (await env.readBlob({ sha256: part.sha256, size: part.size, media_type: 'text/plain' })).text(),
    );
    this.el.append(this.head.el, this.gap, this.tail.el);
    this.draw();
  }

  update(output: Output): boolean {
    if (!isStream(output) || output.id !== this.output.id || output.name !== this.output.name) return false;
    if (output !== this.output) {
      this.output = output;
      this.draw();
    }
    return true;
  }

  text(): Promise<string> {
    if (this.lines.size > COPY_MAXIMUM) return Promise.reject(new Error(say('tooLargeToCopy')));
    return this.lines.text();
  }

  dispose(): void {
    this.window?.dispose();
  }

  private draw(): void {
    this.lines.set(this.output);
    if (this.window !== null) return this.window.refresh();
    const total = this.lines.count;
    const whole = total <= SHOWN_WHOLE_LINES && this.lines.size <= SHOWN_WHOLE_BYTES;
    const tailFrom = whole ? 0 : Math.max(0, total - TAIL_LINES);
    const headTo = Math.min(this.headLines, tailFrom);
    this.drawPart(this.head, 0, headTo);
    this.drawPart(this.tail, tailFrom, total);
    this.drawGap(tailFrom - headTo, headTo);
  }

  private drawPart(blocks: LineBlocks, from: number, to: number): void {
    const waiting = this.failed ? null : this.lines.ensure(from, to);
    if (waiting !== null)
      void waiting.then(
        () => this.draw(),
        () => this.fail(),
      );
    const lines = this.lines.get(from, to);
    // What is not here yet is left out at the front of the tail and at the end of the head, never in between.
    const missing = lines.lastIndexOf(undefined);
    const present = blocks === this.tail ? lines.slice(missing + 1) : lines.slice(0, lines.indexOf(undefined) >>> 0);
    blocks.show(
      blocks === this.tail ? from + missing + 1 : from,
      present.filter((line) => line !== undefined),
    );
  }

  private fail(): void {
    this.failed = true;
    this.draw();
  }

  private drawGap(hidden: number, shown: number): void {
    this.gap.hidden = hidden <= 0 && !this.failed;
    if (this.failed) {
      const again = () => {
        this.failed = false;
        this.draw();
      };
      this.gap.replaceChildren(say('loadFailed'), ' ', h('button', { type: 'button', onclick: again }, say('retry')));
      return;
    }
    if (this.gap.hidden) return;
    const label = this.gap.querySelector('span');
    const text = say('hidden', { n: hidden });
    if (label !== null && shown < HEAD_MAXIMUM) {
      // The buttons stay the same nodes, so that a growing stream does not take them from under the pointer.
      if (label.textContent !== text) label.textContent = text;
      return;
    }
    const more = () => {
      this.headLines += MORE_LINES;
      this.draw();
    };
    this.gap.replaceChildren(h('span', {}, text), ' ');
    if (shown < HEAD_MAXIMUM) this.gap.append(h('button', { type: 'button', onclick: more }, say('showMore')), ' ');
    this.gap.append(h('button', { type: 'button', onclick: () => this.expand() }, say('showAll')));
  }

  private expand(): void {
    this.window = new LineWindow(this.lines, () => this.shrink());
    this.el.replaceChildren(this.window.el);
    this.window.focus();
  }

  private shrink(): void {
    this.window?.dispose();
    this.window = null;
    this.headLines = HEAD_LINES;
    this.el.replaceChildren(this.head.el, this.gap, this.tail.el);
    this.draw();
  }
}
