/** application/json as a tree whose branches are built when they are opened. */
import { h } from './dom';
import { say } from './strings';
import { type DisplayOutput, type ValueView, type ViewEnv } from './types';
import { readJson } from './values';

const PAGE = 100;

export class JsonView implements ValueView {
  readonly el = h('div', { class: 'lo-json' });
  private value: unknown;

  constructor(private readonly env: ViewEnv) {}

  update(value: unknown, output: DisplayOutput): void {
    if (value === this.value) return;
    this.value = value;
    const options = output.metadata?.['application/json'];
    const open =
      typeof options === 'object' && options !== null && (options as { expanded?: unknown }).expanded === true;
    void readJson(value, this.env).then(
      (json) => this.value === value && this.el.replaceChildren(node(null, json, open ? 2 : 1)),
      () => this.el.replaceChildren(say('loadFailed')),
    );
  }

  async text(): Promise<string> {
    return JSON.stringify(await readJson(this.value, this.env), null, 2);
  }

  dispose(): void {
    this.el.remove();
  }
}

function node(key: string | null, value: unknown, open: number): HTMLElement {
  const name = key === null ? [] : [h('span', { class: 'lo-json-key' }, key), ': '];
  if (typeof value !== 'object' || value === null) {
    const kind = value === null ? 'null' : typeof value;
    const text =
      typeof value === 'string'
        ? JSON.stringify(value.length > 10_000 ? `${value.slice(0, 10_000)}…` : value)
        : String(value);
    return h('div', { class: 'lo-json-leaf' }, ...name, h('span', { class: `lo-json-${kind}` }, text));
  }
  const entries = Object.entries(value);
  const list = Array.isArray(value);
  const count = h('span', { class: 'lo-json-count' }, say(list ? 'items' : 'keys', { n: entries.length }));
  const summary = h('summary', {}, ...name, list ? '[ ] ' : '{ } ', count);
  const branch = h('details', { class: 'lo-json-branch' }, summary);
  const fill = () => {
    if (branch.childElementCount === 1) page(branch, entries, 0, open - 1);
  };
  branch.addEventListener('toggle', fill);
  if (open > 0 && entries.length <= PAGE) {
    branch.open = true;
    fill();
  }
  return branch;
}

function page(branch: HTMLElement, entries: [string, unknown][], from: number, open: number): void {
  const shown = entries.slice(from, from + PAGE);
  branch.append(...shown.map(([key, value]) => node(key, value, open)));
  const left = entries.length - from - shown.length;
  if (left <= 0) return;
  const more = h('button', { type: 'button', class: 'lo-more' }, say('moreItems', { n: Math.min(PAGE, left) }));
  more.addEventListener('click', () => {
    more.remove();
    page(branch, entries, from + PAGE, 0);
  });
  branch.append(more);
}
