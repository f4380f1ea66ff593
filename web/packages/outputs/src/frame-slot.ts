/** The place of a frame in the page: it is alive near the viewport, and the page keeps at most 40 alive. */
import { h, type Output, say } from './core';
import { HEIGHT_MAXIMUM, type FrameTheme } from './core/protocol';
import { FrameHost, type FrameOptions } from './frame-host';

const LIVE_MAXIMUM = 40;
const NEAR = '800px 0px';
/** Not 0: what has no height is never seen to come near. */
const UNKNOWN_HEIGHT = 24;

/** Slots near the viewport. */
const near = new Set<FrameSlot>();
/** Slots with a frame, the one seen longest ago first. */
const live = new Set<FrameSlot>();
const heights = new Map<string, number>();
const slots = new WeakMap<Element, FrameSlot>();

const nearness = observe(
  // scrollMargin: the same for a notebook that scrolls in a box of its own.
  { rootMargin: NEAR, scrollMargin: NEAR } as IntersectionObserverInit,
  (slot, is) => {
    if (is) near.add(slot);
    else near.delete(slot);
  },
);
/** Where more are near than may live, scrolling changes which are the nearest. */
const visibility = observe({}, () => undefined);

function observe(
  options: IntersectionObserverInit,
  change: (slot: FrameSlot, is: boolean) => void,
): IntersectionObserver {
  return new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const slot = slots.get(entry.target);
      if (slot !== undefined) change(slot, entry.isIntersecting);
    }
    settle();
  }, options);
}

/** Wakes what is near, at most 40 of it, and lets sleep what must make room. */
function settle(): void {
  const willing = [...near].filter((slot) => !slot.failed);
  const wanted = new Set(
    willing.length <= LIVE_MAXIMUM
      ? willing
      : willing.sort((a, b) => a.distance() - b.distance()).slice(0, LIVE_MAXIMUM),
  );
  const rest = [...live].filter((slot) => !wanted.has(slot));
  for (const slot of rest.slice(0, Math.max(0, wanted.size + rest.length - LIVE_MAXIMUM))) slot.sleep();
  for (const slot of wanted) slot.wake();
}

export type SlotOptions = Omit<FrameOptions, 'outputs' | 'onHeight' | 'onFail'> & {
  /** What the height is remembered under. */
  key: string;
  onHeight?(px: number): void;
};

export class FrameSlot {
  /** A frame that failed stays away until the reader asks for it again. */
  failed = false;
  private host: FrameHost | null = null;
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
    slots.set(el, this);
    nearness.observe(el);
    visibility.observe(el);
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
    nearness.unobserve(this.el);
    visibility.unobserve(this.el);
    near.delete(this);
    this.sleep();
    this.el.replaceChildren();
  }

  /** Returns how far its middle is from the viewport's, in px. */
  distance(): number {
    const { top, bottom } = this.el.getBoundingClientRect();
    return Math.abs((top + bottom - window.innerHeight) / 2);
  }

  /** Gives it its frame, if it has none, and counts it as seen now. */
  wake(): void {
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
    live.delete(this);
    live.add(this);
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
    this.failed = true;
    this.sleep();
    const text = reason === 'noisy' ? say('frameNoisy') : say('frameSilent', { origin: this.options.location.origin });
    const again = h('button', { type: 'button', onclick: () => this.again() }, say('reload'));
    this.el.style.height = 'auto';
    this.el.replaceChildren(h('div', { class: 'lo-notice', role: 'alert' }, text, ' ', again));
  }

  private again(): void {
    this.failed = false;
    settle();
  }
}
