/**
 * Widgets of anywidget: their program is an ES module that travels in the model itself (`_esm`, `_css`). The front end of
 * the package, written to its published contract (AFM), so that these widgets draw from a file alone too.
 */
import { DOMWidgetModel, DOMWidgetView, type WidgetModel } from '@jupyter-widgets/base';
import { randomId } from '@labora/api/ids';

type Cleanup = void | (() => unknown);
type Hook = (context: Record<string, unknown>) => Cleanup | Promise<Cleanup>;
type Program = { initialize?: Hook; render?: Hook };

const COMMAND_MS = 3_000;

export class AnyModel extends DOMWidgetModel {
  // Declared only: the base class's constructor calls `initialize`, before the fields of this one would be set.
  declare private program: Promise<Program>;
  declare private ending: (() => unknown)[];

  override defaults() {
    return {
      ...super.defaults(),
      _model_name: 'AnyModel',
      _model_module: 'anywidget',
      _view_name: 'AnyView',
      _view_module: 'anywidget',
    };
  }

  override initialize(attributes: never, options: never): void {
    super.initialize(attributes, options);
    this.ending = [];
    this.dress();
    this.start();
    this.on('change:_css', () => this.dress());
    this.on('change:_esm', () => this.start());
    this.once('destroy', () => this.end());
  }

  /** The program, once it has been initialised. */
  async ready(): Promise<Program> {
    return this.program;
  }

  /** Binary values stay as they are: the base class's copy by JSON would lose them. */
  override serialize(state: Record<string, unknown>): never {
    const own = (this.constructor as typeof AnyModel).serializers ?? {};
    for (const [key, value] of Object.entries(state)) {
      const serializer = own[key]?.serialize;
      if (serializer !== undefined) state[key] = serializer(value, this);
      else if (value instanceof Object && 'toJSON' in value) state[key] = (value as { toJSON(): unknown }).toJSON();
      else state[key] = structuredClone(value);
    }
    return state as never;
  }

  private start(): void {
    this.end();
    this.program = load(String(this.get('_esm') ?? '')).then(async (program) => {
      const end = await program.initialize?.({ model: faceOf(this), experimental: experimental(this) });
      if (typeof end === 'function') this.ending.push(end);
      return program;
    });
    this.program.catch(() => undefined);
    this.trigger('labora:program');
  }

  private end(): void {
    for (const end of this.ending.splice(0)) void end();
  }

  private dress(): void {
    const name = `anywidget-${String(this.get('_anywidget_id') ?? this.model_id)}`;
    document.getElementById(name)?.remove();
    const css = this.get('_css') as unknown;
    if (typeof css !== 'string' || css === '') return;
    const remote = isAddress(css);
    const place = document.createElement(remote ? 'link' : 'style');
    if (place instanceof HTMLLinkElement) {
      place.rel = 'stylesheet';
      place.href = css;
    } else place.textContent = css;
    place.id = name;
    document.head.append(place);
  }
}

export class AnyView extends DOMWidgetView {
  private ending: (() => unknown) | null = null;
  private drawn = 0;

  override render(): Promise<void> {
    this.listenTo(this.model, 'labora:program', () => void this.draw());
    return this.draw();
  }

  override remove(): this {
    this.drawn += 1;
    void this.ending?.();
    this.ending = null;
    return super.remove() as this;
  }

  private async draw(): Promise<void> {
    const turn = ++this.drawn;
    void this.ending?.();
    this.ending = null;
    this.el.replaceChildren();
    const model = this.model as unknown as AnyModel;
    try {
      const program = await model.ready();
      if (turn !== this.drawn) return;
      const end = await program.render?.({ model: faceOf(model), el: this.el, experimental: experimental(model) });
      if (typeof end !== 'function') return;
      if (turn === this.drawn) this.ending = end;
      else void end();
    } catch (error) {
      const message = document.createElement('pre');
      message.className = 'lo-widget-failed';
      message.textContent = String(error);
      if (turn === this.drawn) this.el.replaceChildren(message);
    }
  }
}

const isAddress = (text: string): boolean => /^https?:\/\/\S+$/.test(text.trim());

async function load(esm: string): Promise<Program> {
  const url = isAddress(esm) ? esm.trim() : URL.createObjectURL(new Blob([esm], { type: 'text/javascript' }));
  const module = (await import(/* @vite-ignore */ url)) as { default?: unknown; render?: Hook };
  if (url.startsWith('blob:')) URL.revokeObjectURL(url);
  if (module.default === undefined) return module.render === undefined ? {} : { render: module.render };
  const program = typeof module.default === 'function' ? await (module.default as () => unknown)() : module.default;
  return program as Program;
}

/** What a program sees of its model. */
function faceOf(model: AnyModel): Record<string, unknown> {
  const target = model as unknown as WidgetModel;
  return {
    get: target.get.bind(target),
    set: target.set.bind(target),
    save_changes: () => target.save_changes(),
    send: target.send.bind(target),
    on: (name: string, listener: () => void) => void target.on(name, listener),
    off: (name?: string | null, listener?: (() => void) | null) => void target.off(name ?? null, listener ?? null),
    widget_manager: target.widget_manager,
  };
}

/** `invoke` calls a command of the widget's Python class. */
function experimental(model: AnyModel): Record<string, unknown> {
  const invoke = (name: string, msg?: unknown, options: { buffers?: ArrayBuffer[]; signal?: AbortSignal } = {}) =>
    new Promise((resolve, reject) => {
      const id = randomId();
      const signal = options.signal ?? AbortSignal.timeout(COMMAND_MS);
      const stop = () => model.off('msg:custom', listen);
      const listen = (answer: { id?: unknown; response?: unknown }, buffers: unknown) => {
        if (answer.id !== id) return;
        stop();
        resolve([answer.response, buffers]);
      };
      signal.addEventListener('abort', () => {
        stop();
        reject(signal.reason as Error);
      });
      model.on('msg:custom', listen);
      model.send({ id, kind: 'anywidget-command', name, msg } as never, undefined as never, options.buffers ?? []);
    });
  return { invoke };
}
