/** All lines of a stream in one scrolling box that holds only the lines in sight. */
import { PLAIN } from './ansi';
import { cutLine } from './blocks';
import { appendAnsi, h } from './dom';
import { type StreamLines } from './lines';
import { say } from './strings';

/** Browsers clamp an element's height (Firefox near 17.8 million px): beyond this the scroll bar is scaled. */
const HEIGHT_MAXIMUM = 8_000_000;
const OVERSCAN = 20;

/** Returns the line at the top of the box and the height of the scrolled content, in px. */
export function scrolledLine(
  count: number,
  lineHeight: number,
  view: number,
  scrollTop: number,
): { line: number; offset: number; height: number } {
  const real = count * lineHeight;
  const height = Math.min(real, HEIGHT_MAXIMUM);
  const room = Math.max(1, height - view);
  const at = height === real ? scrollTop : (Math.min(scrollTop, room) / room) * Math.max(0, real - view);
  const line = Math.max(0, Math.min(count - 1, Math.floor(at / lineHeight)));
  return { line, offset: at - line * lineHeight, height };
}

export class LineWindow {
  readonly el: HTMLElement;
  private readonly box: HTMLElement;
  private readonly space = h('div', { class: 'lo-window-space' });
  private readonly rows = h('div', { class: 'lo-window-rows' });
  private frame = 0;
  private failed = false;

  constructor(
    private readonly lines: StreamLines,
    close: () => void,
  ) {
    this.space.append(this.rows);
    this.box = h('div', { class: 'lo-window', tabindex: 0, onscroll: () => this.refresh() }, this.space);
    const less = h('button', { type: 'button', onclick: close }, say('showLess'));
    this.el = h('div', {}, h('div', { class: 'lo-gap' }, less), this.box);
  }

  focus(): void {
    this.box.focus({ preventScroll: true });
    this.refresh();
  }

  dispose(): void {
    cancelAnimationFrame(this.frame);
  }

  refresh(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  private draw(): void {
    const lineHeight = Number.parseFloat(getComputedStyle(this.rows).lineHeight) || 18;
    const view = this.box.clientHeight;
    const { line, offset, height } = scrolledLine(this.lines.count, lineHeight, view, this.box.scrollTop);
    const from = Math.max(0, line - OVERSCAN);
    const to = Math.min(this.lines.count, line + Math.ceil(view / lineHeight) + OVERSCAN);
    this.space.style.height = `${height}px`;
    this.rows.style.top = `${this.box.scrollTop - offset - (line - from) * lineHeight}px`;
    const waiting = this.failed ? null : this.lines.ensure(from, to);
    if (waiting !== null) {
      void waiting.then(
        () => this.refresh(),
        () => {
          this.failed = true;
          this.refresh();
        },
      );
    }
    let style = PLAIN;
    this.rows.replaceChildren(
      ...this.lines.get(from, to).map((text) => {
        const row = h('div', { class: 'lo-row' });
        if (text === undefined) row.append(say(this.failed ? 'loadFailed' : 'loading'));
        else style = appendAnsi(row, cutLine(text), style);
        return row;
      }),
    );
  }
}
