/** The chunk that draws Jupyter widgets: the manager of this frame, and the views that it has shown. */
import type { WidgetModel } from '@jupyter-widgets/base';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { h, say, type ViewEnv } from '@labora/outputs/core';
import type { CommPort } from '../comm-port';
import { Manager, Missing } from './manager';
import { nameControls } from './names';
import { hasControls, holdStill } from './still';
import './widgets.css';

type View = Awaited<ReturnType<Manager['create_view']>>;

export class Widgets {
  private readonly manager: Manager;
  private readonly views = new Set<Shown>();

  constructor(port: CommPort, env: ViewEnv) {
    this.manager = new Manager(port, env);
  }

  /**
   * Shows a model in `place`, as soon as there is one; `fallBack` is told why there is none. Returns how to take the view
   * away.
   */
  show(id: string, place: HTMLElement, fallBack: (why: string) => void): () => void {
    const shown = new Shown(this.manager, place, () => this.note());
    this.views.add(shown);
    const draw = () =>
      shown.draw(id).catch((error: unknown) => {
        if (!(error instanceof Missing)) return fallBack(say('widgetFailed', { message: String(error) }));
        fallBack(say('widgetNone'));
        this.manager.whenOpened(id, () => void draw());
      });
    void draw();
    return () => {
      this.views.delete(shown);
      shown.remove();
      this.note();
    };
  }

  /** Says once, below the last widget that a person would want to move, why none of them takes changes. */
  private note(): void {
    const { why } = this.manager;
    const views = Array.from(this.views).filter((view) => view.moves);
    const last = views.reduce<Shown | null>((found, view) => (found?.isAfter(view) ? found : view), null);
    for (const view of this.views) view.say(view === last ? why : null);
  }
}

class Shown {
  private view: View | null = null;
  private removed = false;
  private leave: (() => void) | null = null;
  private readonly box = h('div', { class: 'lo-widget' });
  private readonly note = h('div', { class: 'lo-widget-note', role: 'note' });

  constructor(
    private readonly manager: Manager,
    private readonly place: HTMLElement,
    private readonly changed: () => void,
  ) {}

  /** Whether there is anything in it that a person would want to move: a progress bar needs no word about that. */
  get moves(): boolean {
    return this.view !== null && hasControls(this.box);
  }

  isAfter(other: Shown): boolean {
    return (other.place.compareDocumentPosition(this.place) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
  }

  say(why: string | null): void {
    if (this.note.textContent !== (why ?? '')) this.note.textContent = why ?? '';
    this.note.hidden = why === null;
  }

  async draw(id: string): Promise<void> {
    const model: WidgetModel = await this.manager.get_model(id);
    const error: unknown = model.get('error');
    if (model.get('_view_name') === 'ErrorWidgetView' && error !== undefined) throw error;
    const view = await this.manager.create_view(model);
    if (this.removed) return void view.remove();
    this.view = view;
    const { box } = this;
    this.place.replaceChildren(box, this.note);
    attach(view, box);
    const tend = () => {
      nameControls(box);
      this.changed();
    };
    const stand = () => {
      holdStill(box, this.manager.why !== null);
      tend();
    };
    stand();
    const leave = this.manager.onStand(stand);
    const changes = new MutationObserver(tend);
    changes.observe(box, { subtree: true, childList: true, attributes: true, attributeFilter: ['class'] });
    this.leave = () => {
      leave();
      changes.disconnect();
    };
  }

  remove(): void {
    this.removed = true;
    this.leave?.();
    this.view?.remove();
    this.view = null;
  }
}

/** Puts a view into the page as Lumino does, without a widget of Lumino's around it. */
export function attach(view: View, box: HTMLElement): void {
  const { luminoWidget } = view as unknown as { luminoWidget?: Widget };
  if (luminoWidget === undefined) return void box.append(view.el as HTMLElement);
  MessageLoop.sendMessage(luminoWidget, Widget.Msg.BeforeAttach);
  box.append(luminoWidget.node);
  MessageLoop.sendMessage(luminoWidget, Widget.Msg.AfterAttach);
  const sizes = new ResizeObserver(() => {
    if (luminoWidget.isDisposed) sizes.disconnect();
    else MessageLoop.postMessage(luminoWidget, Widget.ResizeMessage.UnknownSize);
  });
  sizes.observe(box);
}
