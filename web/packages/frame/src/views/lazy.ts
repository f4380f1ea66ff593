/** Views whose code is fetched when an output first needs it. */
import { isBlobRef, readText, say, type DisplayOutput, type ValueView, type ViewEnv } from '@labora/outputs/core';
import { enqueue } from '../scripts';

export interface Drawing {
  /** Draws the value; called again with a newer one. */
  draw(value: unknown, output: DisplayOutput): Promise<void> | void;
  /** It looks different in the light and in the dark, and is drawn anew when that changes. */
  themed?: boolean;
  dispose?(): void;
}

export type Draw = (place: HTMLElement, env: ViewEnv) => Drawing;

/** What is drawn: the parsed JSON, the text, or the bytes of a value. */
export type Reading = 'json' | 'text' | 'bytes';

async function read(value: unknown, env: ViewEnv, as: Reading): Promise<unknown> {
  if (as === 'bytes') {
    if (isBlobRef(value)) return env.readBlob(value.$blob);
    const text = atob((await readText(value, env)).replace(/\s+/g, ''));
    return new Blob([Uint8Array.from(text, (character) => character.charCodeAt(0))]);
  }
  if (as === 'json' && typeof value === 'object' && !isBlobRef(value)) return value;
  const text = await readText(value, env);
  return as === 'json' ? JSON.parse(text) : text;
}

const shown = new Set<LazyView>();

/** The page's theme has changed. */
export function redrawThemed(): void {
  for (const view of shown) view.redraw();
}

export class LazyView implements ValueView {
  readonly el = document.createElement('div');
  private value: unknown;
  private output: DisplayOutput | null = null;
  private drawing: Drawing | null = null;

  constructor(
    private readonly env: ViewEnv,
    private readonly load: () => Promise<Draw>,
    private readonly as: Reading,
  ) {
    shown.add(this);
  }

  redraw(): void {
    const { value, output } = this;
    if (this.drawing?.themed !== true || output === null) return;
    this.value = undefined;
    this.update(value, output);
  }

  update(value: unknown, output: DisplayOutput): void {
    if (value === this.value) return;
    this.value = value;
    this.output = output;
    const reading = Promise.all([read(value, this.env, this.as), this.load()]);
    reading.catch(() => {});
    void enqueue(async () => {
      try {
        const [found, draw] = await reading;
        if (this.value !== value || !this.el.isConnected) return;
        this.drawing ??= draw(this.el, this.env);
        await this.drawing.draw(found, output);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        this.drawing?.dispose?.();
        this.drawing = null;
        const notice = document.createElement('div');
        notice.className = 'lo-notice';
        notice.textContent = say('drawFailed', { message });
        this.el.replaceChildren(notice);
      }
    });
  }

  text(): Promise<string> {
    return Promise.resolve(this.el.innerText);
  }

  dispose(): void {
    shown.delete(this);
    this.value = undefined;
    this.drawing?.dispose?.();
  }
}
