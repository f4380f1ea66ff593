/** A traceback: what went wrong first, long ones folded in the middle, a button that copies it. */
import { PLAIN, stripAnsi } from './ansi';
import { copyButton } from './buttons';
import { appendAnsi, h } from './dom';
import { say } from './strings';
import { type ErrorOutput, isError, type Output, type View, type ViewEnv } from './types';

const LINES_WHOLE = 48;
const LINES_HEAD = 12;
const LINES_TAIL = 20;

/** Returns the traceback as plain text. */
export function tracebackText(output: ErrorOutput): string {
  const heading = `${output.ename}: ${output.evalue}`;
  return output.traceback.length === 0 ? heading : stripAnsi(output.traceback.join('\n'));
}

export class ErrorView implements View {
  readonly el: HTMLElement;

  constructor(
    private readonly output: ErrorOutput,
    env: ViewEnv,
  ) {
    const copy = copyButton('copy', () => tracebackText(output), env);
    const evalue = stripAnsi(output.evalue);
    const first = evalue.split('\n', 1)[0] ?? '';
    const heading = h(
      'div',
      { class: 'lo-error-head' },
      h('span', { class: 'lo-error-name' }, output.ename),
      h('span', { class: 'lo-error-value' }, first.slice(0, 500)),
      copy,
    );
    this.el = h(
      'div',
      { class: 'lo-error', role: 'group', 'aria-label': `${say('traceback')}: ${output.ename}` },
      heading,
    );
    const lines = output.traceback.join('\n').split('\n');
    if (output.traceback.length > 0) this.el.append(traceback(lines));
    else if (evalue !== first) this.el.append(h('pre', { class: 'lo-pre' }, evalue));
  }

  update(output: Output): boolean {
    return isError(output) && output === this.output;
  }

  text(): string {
    return tracebackText(this.output);
  }

  dispose(): void {
    this.el.remove();
  }
}

function traceback(lines: readonly string[]): HTMLElement {
  const pre = h('div', { class: 'lo-pre lo-traceback' });
  if (lines.length <= LINES_WHOLE) {
    appendAnsi(pre, lines.join('\n'), PLAIN);
    return pre;
  }
  const hidden = lines.length - LINES_HEAD - LINES_TAIL;
  const style = appendAnsi(pre, lines.slice(0, LINES_HEAD).join('\n'), PLAIN);
  const middle = h('div', {});
  middle.hidden = true;
  const after = appendAnsi(middle, lines.slice(LINES_HEAD, -LINES_TAIL).join('\n'), style);
  const unfold = h('button', {
    type: 'button',
    onclick: () => {
      middle.hidden = false;
      gap.remove();
    },
  });
  unfold.textContent = say('framesHidden', { n: hidden });
  const gap = h('div', { class: 'lo-gap' }, unfold);
  const rest = h('div', {});
  appendAnsi(rest, lines.slice(-LINES_TAIL).join('\n'), after);
  pre.append(gap, middle, rest);
  return pre;
}
