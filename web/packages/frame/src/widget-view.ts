/** The place of a Jupyter widget among the outputs. What draws it is a chunk of its own, loaded with the first widget. */
import {
  h,
  isDisplay,
  readText,
  say,
  type DisplayOutput,
  type ValueView,
  type ValueViewFactory,
  type ViewEnv,
} from '@labora/outputs/core';
import type { CommPort } from './comm-port';
import type { Widgets } from './widgets';

export const WIDGET_VIEW = 'application/vnd.jupyter.widget-view+json';

/** Views of widgets; all of a frame share one manager. */
export function widgetViews(port: CommPort): Readonly<Record<string, ValueViewFactory>> {
  let widgets: Promise<Widgets> | null = null;
  const load = (env: ViewEnv): Promise<Widgets> =>
    (widgets ??= import('./widgets')
      .then(({ Widgets: Made }) => new Made(port, env))
      .catch((error: unknown) => {
        widgets = null; // the next widget tries again
        throw error;
      }));
  return { [WIDGET_VIEW]: (env) => new WidgetValueView(env, () => load(env)) };
}

class WidgetValueView implements ValueView {
  readonly el = h('div', { class: 'lo-widget-output' });
  private model: unknown;
  private plain = '';
  private leave: (() => void) | null = null;
  private gone = false;

  constructor(
    private readonly env: ViewEnv,
    private readonly load: () => Promise<Widgets>,
  ) {}

  update(value: unknown, output: DisplayOutput): void {
    void this.show(value, output).catch(() => this.fallBack(say('loadFailed')));
  }

  private async show(value: unknown, output: DisplayOutput): Promise<void> {
    const text = isDisplay(output) ? output.data['text/plain'] : undefined;
    this.plain = text === undefined ? '' : await readText(text, this.env).catch(() => '');
    const id = (value as { model_id?: unknown } | null)?.model_id;
    if (typeof id !== 'string' || id === this.model || this.gone) return;
    this.model = id;
    const widgets = await this.load();
    if (this.gone || this.model !== id) return;
    this.leave?.();
    this.leave = widgets.show(id, this.el, (why) => this.fallBack(why));
  }

  /** Shows what there is to read instead of the widget, and why. */
  private fallBack(why: string): void {
    const text = this.plain === '' ? [] : [h('div', { class: 'lo-pre' }, this.plain)];
    this.el.replaceChildren(...text, h('div', { class: 'lo-widget-note', role: 'note' }, why));
  }

  text(): string {
    return this.plain === '' ? this.el.innerText : this.plain;
  }

  dispose(): void {
    this.gone = true;
    this.leave?.();
  }
}
