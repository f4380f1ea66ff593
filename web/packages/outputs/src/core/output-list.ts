/** The outputs of a cell as DOM: a change touches the node of its own output only. */
import { BundleView } from './bundle-view';
import { ErrorView } from './error-view';
import { h } from './dom';
import { StreamView } from './stream-view';
import { say } from './strings';
import { isDisplay, isError, isNotice, isStream, type Output, type View, type ViewEnv } from './types';

class MessageView implements View {
  readonly el: HTMLElement;

  constructor(private readonly output: Output) {
    this.el = isNotice(output)
      ? h('div', { class: 'lo-notice', role: 'note' }, output.message)
      : h('div', { class: 'lo-notice', role: 'note' }, say('unknownOutput', { kind: output.output_type.slice(0, 80) }));
  }

  update(output: Output): boolean {
    return output === this.output;
  }

  text(): string {
    return this.el.textContent ?? '';
  }

  dispose(): void {
    this.el.remove();
  }
}

function makeView(output: Output, env: ViewEnv): View {
  if (isStream(output)) return new StreamView(output, env);
  if (isError(output)) return new ErrorView(output, env);
  if (isDisplay(output)) return new BundleView(output, env);
  return new MessageView(output);
}

export class OutputList {
  private views: { id: string; view: View }[] = [];

  constructor(
    private readonly root: HTMLElement,
    private readonly env: ViewEnv,
  ) {}

  update(outputs: readonly Output[]): void {
    const before = new Map(this.views.map((entry) => [entry.id, entry.view]));
    const next: { id: string; view: View }[] = [];
    // Before anything else: what stays need not move past what goes.
    const stays = new Set(outputs.map((output) => output.id));
    for (const [id, view] of before) {
      if (stays.has(id)) continue;
      before.delete(id);
      remove(view);
    }
    // What programs put between the outputs stays where it is: moving a kept output would load its frames anew.
    const own = new Set<Node>(Array.from(before.values(), (view) => view.el));
    const from = (node: Node | null): Node | null => {
      let found = node;
      while (found !== null && !own.has(found)) found = found.nextSibling;
      return found;
    };
    let place = from(this.root.firstChild);
    for (const output of outputs) {
      const old = before.get(output.id);
      before.delete(output.id);
      // A program may have moved it elsewhere, or away: there it stays.
      const moved = old !== undefined && old.el.parentNode !== this.root;
      const kept = old !== undefined && old.update(output);
      const seat = old === undefined ? this.env.seat?.() : undefined;
      const view = kept ? old : makeView(output, this.env);
      next.push({ id: output.id, view });
      const instead = old !== undefined && !kept && (moved || place === old.el);
      if (old !== undefined && !kept) {
        if (place === old.el) place = from(old.el.nextSibling);
        if (instead) old.el.replaceWith(view.el);
        remove(old);
      }
      if (place === view.el) place = from(view.el.nextSibling);
      else if (!moved && !instead) this.root.insertBefore(view.el, place);
      seat?.(view.el);
    }
    this.views = next;
  }

  /** Returns the element of an output. */
  elementOf(id: string): HTMLElement | undefined {
    return this.views.find((entry) => entry.id === id)?.view.el;
  }

  /** Returns all outputs as plain text, in order. */
  async text(): Promise<string> {
    const texts = await Promise.all(this.views.map((entry) => entry.view.text()));
    return texts.map((text) => (text.endsWith('\n') || text === '' ? text : `${text}\n`)).join('');
  }

  dispose(): void {
    for (const entry of this.views) remove(entry.view);
    this.views = [];
  }
}

function remove(view: View): void {
  view.dispose();
  view.el.remove();
}
