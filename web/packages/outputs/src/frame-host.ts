/** The page's side of one output frame: starts it, hands it one port, feeds it outputs and believes nothing it says. */
import { type BlobInfo, isBlobRef, isDisplay, isStream, type Output } from './core';
import { type FrameComms } from './core/comm-protocol';
import {
  CONNECT,
  diffOutputs,
  type ForwardedKey,
  type FrameTheme,
  type PageMessage,
  parseFrameMessage,
  PROTOCOL_VERSION,
  RateLimit,
} from './core/protocol';
import { type FrameLocation, isReady, makeIframe } from './frame-location';
import type { FrameWork } from './frame-work';

const START_MS = 20_000;
const TEXT_MS = 5_000;
const PICTURE_MS = 15_000;
/** A browser may tell the page of a focus or a key this long after the frame has. */
const HAND_MS = 250;
const HAND_STEP_MS = 25;
const RATE_PER_S = 200;
const BURST = 500;
/** A frame that is refused this often within ten seconds is cut off. */
const REFUSED_MAXIMUM = 2_000;

export interface FrameOptions {
  location: FrameLocation;
  title: string;
  theme: FrameTheme;
  externalImages: boolean;
  outputs: readonly Output[];
  /** Whether it may act; decided by the page, for each thing that it asks for. */
  isLive(): boolean;
  /** Features of the browser that it is made with, such as `camera`. */
  devices: readonly string[];
  work: FrameWork;
  readBlob(blob: BlobInfo): Promise<Blob>;
  /** Makes the page's side of the frame's comms, which tells the frame by `post`. */
  comms?: ((post: (message: PageMessage) => void) => FrameComms) | undefined;
  onHeight(px: number): void;
  onTall(on: boolean): void;
  onKey(key: ForwardedKey): void;
  onFocus(): void;
  /** silent: it never started; noisy: it was cut off. */
  onFail(reason: 'silent' | 'noisy'): void;
}

export class FrameHost {
  readonly iframe: HTMLIFrameElement;
  private port: MessagePort | null = null;
  private handed = false;
  private sent: readonly Output[] = [];
  private readonly limit = new RateLimit(RATE_PER_S, BURST);
  private readonly texts = new Map<number, (text: string) => void>();
  private readonly pictures = new Map<number, (picture: Blob | null) => void>();
  private requests = 0;
  private live = false;
  private theme: FrameTheme;
  private outputs: readonly Output[];
  private timer: number;
  private comms: FrameComms | null = null;

  constructor(private readonly options: FrameOptions) {
    this.theme = options.theme;
    this.outputs = options.outputs;
    this.iframe = makeIframe(options.location, options.title, options.devices);
    this.iframe.className = 'lo-frame';
    addEventListener('message', this.onWindowMessage);
    this.timer = window.setTimeout(() => options.onFail('silent'), START_MS);
  }

  setOutputs(outputs: readonly Output[]): void {
    this.outputs = outputs;
    if (this.port === null) return;
    const ops = diffOutputs(this.sent, outputs);
    this.sent = outputs;
    if (ops.length > 0) this.send({ t: 'ops', ops });
  }

  setTheme(theme: FrameTheme): void {
    this.theme = theme;
    this.send({ t: 'theme', theme });
  }

  /** Tells whether it may act, when that has changed. */
  tellLive(): void {
    const on = this.options.isLive();
    if (on === this.live) return;
    this.live = on;
    this.send({ t: 'live', on });
  }

  /** Lets the frame scroll inside, when it is taller than the page will give it. */
  setInnerScroll(inner: boolean): void {
    this.send({ t: 'scroll', inner });
  }

  /** Returns what the frame shows, as text. */
  text(): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = ++this.requests;
      this.texts.set(request, resolve);
      this.send({ t: 'text', request });
      setTimeout(() => {
        this.texts.delete(request);
        reject(new Error('The output did not answer.'));
      }, TEXT_MS);
    });
  }

  /** Has the frame draw one of its outputs as a PNG; null when it cannot. Only for what a person chose just now. */
  picture(output: string): Promise<Blob | null> {
    return new Promise((resolve) => {
      const request = ++this.requests;
      const done = (picture: Blob | null) => {
        this.pictures.delete(request);
        resolve(picture);
      };
      this.pictures.set(request, done);
      this.send({ t: 'picture', request, output });
      setTimeout(() => done(null), PICTURE_MS);
    });
  }

  dispose(): void {
    clearTimeout(this.timer);
    removeEventListener('message', this.onWindowMessage);
    this.comms?.dispose();
    this.comms = null;
    this.port?.close();
    this.port = null;
    this.options.work.stopped();
    this.iframe.remove();
  }

  private send(message: PageMessage): void {
    this.port?.postMessage(message);
  }

  private readonly onWindowMessage = (event: MessageEvent): void => {
    if (this.handed || !isReady(event, this.iframe, this.options.location)) return;
    this.handed = true;
    clearTimeout(this.timer);
    removeEventListener('message', this.onWindowMessage);
    const channel = new MessageChannel();
    this.port = channel.port1;
    this.port.onmessage = (message: MessageEvent) => this.onPortMessage(message.data);
    // An opaque origin cannot be named; the message goes to the window that was checked above.
    const target = this.options.location.mode === 'C' ? '*' : this.options.location.origin;
    this.iframe.contentWindow?.postMessage(CONNECT, target, [channel.port2]);
    this.sent = this.outputs;
    this.live = this.options.isLive();
    this.send({
      t: 'init',
      version: PROTOCOL_VERSION,
      theme: this.theme,
      externalImages: this.options.externalImages,
      live: this.live,
      network: this.options.location.network ?? false,
      devices: this.options.devices,
      outputs: this.outputs,
    });
    this.comms = this.options.comms?.((message) => this.send(message)) ?? null;
    this.options.work.started((message) => this.send(message));
  };

  private onPortMessage(data: unknown): void {
    if (!this.limit.take()) {
      if (this.limit.refused > REFUSED_MAXIMUM && this.port !== null) {
        this.dispose();
        this.options.onFail('noisy');
      }
      return;
    }
    const message = parseFrameMessage(data);
    if (message === null) return;
    if (message.t === 'height') this.options.onHeight(message.px);
    else if (message.t === 'key') this.byHand(message.key !== 'Escape', () => this.options.onKey(message));
    else if (message.t === 'focus') this.byHand(true, () => this.options.onFocus());
    else if (message.t === 'tall') this.options.onTall(message.on);
    else if (message.t === 'done') this.options.work.done(message);
    else if (message.t === 'ask') void this.options.work.ask(message);
    else if (message.t === 'module' && this.comms === null)
      this.send({ t: 'module', request: message.request, source: null });
    else if (message.t === 'comm' || message.t === 'follow' || message.t === 'module') this.comms?.receive(message);
    else if (message.t === 'text') this.texts.get(message.request)?.(message.text);
    else if (message.t === 'picture') this.pictures.get(message.request)?.(message.picture);
    else if (message.t === 'blob') void this.answerBlob(message.request, message.blob);
  }

  /**
   * Does what only a person may cause, not the frame's word: the browser says that the frame has the focus and, where it
   * is `active`, that they did something just now (which Escape does not count as).
   */
  private byHand(active: boolean, act: () => void, left = HAND_MS): void {
    if (this.port === null) return;
    const focused = document.activeElement === this.iframe;
    if (focused && (!active || (navigator.userActivation as UserActivation | undefined)?.isActive !== false)) act();
    else if (left > 0) setTimeout(() => this.byHand(active, act, left - HAND_STEP_MS), HAND_STEP_MS);
  }

  /** A frame may read the blobs of its own cell, and no other of the notebook. */
  private async answerBlob(request: number, blob: BlobInfo): Promise<void> {
    const own = blobsOf(this.outputs).find((known) => known.sha256 === blob.sha256);
    const bytes = own === undefined ? null : await this.options.readBlob(own).catch(() => null);
    this.send({ t: 'blob', request, blob: bytes });
  }
}

/** Returns every blob that the outputs refer to. */
export function blobsOf(outputs: readonly Output[]): BlobInfo[] {
  return outputs.flatMap((output) => {
    if (isStream(output)) {
      return (output.parts ?? []).map((part) => ({ sha256: part.sha256, size: part.size, media_type: 'text/plain' }));
    }
    if (!isDisplay(output)) return [];
    return Object.values(output.data).flatMap((value) => (isBlobRef(value) ? [value.$blob] : []));
  });
}
