/** The place of a frame in the page: it is alive near the viewport, and the page keeps at most 40 alive. */
import { h, type Output, say } from './core';
import { HEIGHT_MAXIMUM, type FrameTheme } from './core/protocol';
import { FrameHost, type FrameOptions } from './frame-host';
import { type AskMessage, FrameWork } from './frame-work';
import { Refusal } from './live';

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
  const working = [...live].filter((slot) => slot.busy);
  const willing = [...near].filter((slot) => !slot.failed && !slot.busy);
  const wanted = new Set(
    [...working].concat(
      willing.length + working.length <= LIVE_MAXIMUM
        ? willing
        : willing.sort((a, b) => a.distance() - b.distance()).slice(0, Math.max(0, LIVE_MAXIMUM - working.length)),
    ),
  );
  const rest = [...live].filter((slot) => !wanted.has(slot));
  for (const slot of rest.slice(0, Math.max(0, wanted.size + rest.length - LIVE_MAXIMUM))) slot.sleep();
  for (const slot of wanted) slot.wake();
}

let settling = false;

/** Settles once for all changes of this turn. */
function settleSoon(): void {
  if (settling) return;
  settling = true;
  queueMicrotask(() => {
    settling = false;
    settle();
  });
}

export type SlotOptions = Omit<FrameOptions, 'outputs' | 'onHeight' | 'onFail' | 'work' | 'devices'> & {
  /** What the height is remembered under. */
  key: string;
  devices(): readonly string[];
  /** Does what a live output asks for. */
  ask(message: AskMessage): Promise<unknown>;
  onHeight?(px: number): void;
};

export class FrameSlot {
  /** A frame that failed stays away until the reader asks for it again. */
  failed = false;
  private host: FrameHost | null = null;
  private outputs: readonly Output[];
  private theme: FrameTheme;
  private inner = false;
  private readonly work: FrameWork;
  /** The frame that is there was made with devices. */
  private equipped = false;

  constructor(
    private readonly el: HTMLElement,
    private readonly options: SlotOptions,
    outputs: readonly Output[],
  ) {
    this.outputs = outputs;
    this.theme = options.theme;
    this.work = new FrameWork((message) => this.answer(message), settleSoon);
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

  get busy(): boolean {
    return this.work.busy;
  }

  /** Evaluates a script in the frame, which is woken for it. */
  run(script: string, signal?: AbortSignal): Promise<unknown> {
    if (this.failed) return Promise.reject(new Refusal('no_frame', say('noFrame')));
    const result = this.work.run(script, signal);
    this.wake();
    return result;
  }

  /** Its output may act, or no longer. One that may not keeps no device. */
  liveChanged(): void {
    if (this.equipped && !this.options.isLive()) this.renew();
    else this.host?.tellLive();
  }

  /** Makes the frame anew, with the rights that it has now. */
  renew(): void {
    if (this.host === null) return;
    this.sleep();
    this.wake();
  }

  private answer(message: AskMessage): Promise<unknown> {
    if (this.options.isLive()) return this.options.ask(message);
    return Promise.reject(new Refusal('not_live', say('notLive')));
  }

  /** Returns what the outputs say; null while the frame sleeps. */
  text(): Promise<string> | null {
    return this.host?.text() ?? null;
  }

  /** Has the frame draw one of its outputs; null while it sleeps, and where it cannot. */
  picture(output: string): Promise<Blob | null> {
    return this.host?.picture(output) ?? Promise.resolve(null);
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
    this.work.end('replaced', say('replaced'));
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
      const devices = this.options.isLive() ? this.options.devices() : [];
      this.equipped = devices.length > 0;
      this.host = new FrameHost({
        ...this.options,
        theme: this.theme,
        outputs: this.outputs,
        devices,
        work: this.work,
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
    this.work.end('no_frame', say('noFrame'));
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
