/** The place of a frame in the page: it is alive near the viewport, and the page keeps at most 40 alive. */
import { h, type Output, say } from './core';
import { HEIGHT_MAXIMUM, type FrameTheme } from './core/protocol';
import { FrameHost, type FrameOptions } from './frame-host';

const LIVE_MAXIMUM = 40;
const NEAR = '800px 0px';
/** Not 0: what has no height is never seen to come near. */
const UNKNOWN_HEIGHT = 24;

/** Live slots, the one seen longest ago first. */
const live = new Set<FrameSlot>();
const heights = new Map<string, number>();

function touch(slot: FrameSlot): void {
  live.delete(slot);
  live.add(slot);
  for (const old of live) {
    if (live.size <= LIVE_MAXIMUM) break;
    if (!old.near) old.sleep();
  }
}

export type SlotOptions = Omit<FrameOptions, 'outputs' | 'onHeight' | 'onFail'> & {
  /** What the height is remembered under. */
  key: string;
  onHeight?(px: number): void;
};

export class FrameSlot {
  near = false;
  private host: FrameHost | null = null;
  private readonly observer: IntersectionObserver;
  private outputs: readonly Output[];
  private theme: FrameTheme;
  private inner = false;

  constructor(
    private readonly el: HTMLElement,
    private readonly options: SlotOptions,
    outputs: readonly Output[],
  ) {
    this.outputs = outputs;
    this.theme = options.theme;
    el.style.height = `${heights.get(options.key) ?? UNKNOWN_HEIGHT}px`;
    this.observer = new IntersectionObserver(
      (entries) => {
        this.near = entries.some((entry) => entry.isIntersecting);
        if (this.near) this.wake();
      },
      // scrollMargin: the same for a notebook that scrolls in a box of its own.
      { rootMargin: NEAR, scrollMargin: NEAR } as IntersectionObserverInit,
    );
    this.observer.observe(el);
  }

  setOutputs(outputs: readonly Output[]): void {
    this.outputs = outputs;
    this.host?.setOutputs(outputs);
  }

  setTheme(theme: FrameTheme): void {
    if (theme === this.theme) return;
    this.theme = theme;
    this.host?.setTheme(theme);
  }

  /** Returns what the outputs say; null while the frame sleeps. */
  text(): Promise<string> | null {
    return this.host?.text() ?? null;
  }

  focus(): void {
    this.host?.iframe.focus();
  }

  /** Takes the frame away and keeps its place. */
  sleep(): void {
    live.delete(this);
    this.host?.dispose();
    this.host = null;
  }

  dispose(): void {
    this.observer.disconnect();
    this.sleep();
    this.el.replaceChildren();
  }

  private wake(): void {
    if (this.host === null) {
      this.inner = false;
      this.host = new FrameHost({
        ...this.options,
        theme: this.theme,
        outputs: this.outputs,
        onHeight: (px) => this.setHeight(px),
        onFail: (reason) => this.fail(reason),
      });
      this.el.replaceChildren(this.host.iframe);
    }
    touch(this);
  }

  private setHeight(px: number): void {
    heights.set(this.options.key, px);
    this.el.style.height = `${px}px`;
    const inner = px >= HEIGHT_MAXIMUM;
    if (inner !== this.inner) this.host?.setInnerScroll(inner);
    this.inner = inner;
    this.options.onHeight?.(px);
  }

  private fail(reason: 'silent' | 'noisy'): void {
    this.sleep();
    const text = reason === 'noisy' ? say('frameNoisy') : say('frameSilent', { origin: this.options.location.origin });
    const again = h('button', { type: 'button', onclick: () => this.wake() }, say('reload'));
    this.el.style.height = 'auto';
    this.el.replaceChildren(h('div', { class: 'lo-notice', role: 'alert' }, text, ' ', again));
  }
}
