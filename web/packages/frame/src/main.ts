/**
 * The page of an output frame. It runs on the content origin, holds no credential, and gets everything through the one
 * port that the app's page hands it. What the notebook's own scripts do here reaches no further than this page.
 */
import { OutputList, type Output, type ViewEnv } from '@labora/outputs/core';
import { applyOps, CONNECT, type FrameTheme, type PageMessage, READY } from '@labora/outputs/core/protocol';
import { activeView } from './active';
import { Areas } from './areas';
import { BlobReader } from './blobs';
import { CommPort } from './comm-port';
import { Bridge, type Post } from './bridge';
import { installColab } from './colab/api';
import { copyText } from './copy';
import { bridgeDevices } from './devices';
import { Height } from './height';
import { forwardKeys } from './keys';
import { allowNetwork } from './libraries';
import { fromRuntime } from './libraries/runtime';
import { tameDocumentWrite } from './scripts';
import { redrawThemed } from './views/lazy';
import { widgetViews } from './widget-view';
import './frame.css';

class Frame {
  private outputs: readonly Output[] = [];
  private list: OutputList | null = null;
  private readonly blobs: BlobReader;
  private readonly comms: CommPort;
  private readonly post: Post;
  private bridge: Bridge | null = null;
  private areas: Areas | null = null;

  constructor(port: MessagePort) {
    // Taken now, before any script of the notebook can put another function in its place.
    const post = port.postMessage.bind(port) as (message: unknown, transfer: Transferable[]) => void;
    this.post = (message, transfer = []) => post(message, transfer);
    this.blobs = new BlobReader(this.post);
    this.comms = new CommPort(this.post);
    port.onmessage = (event: MessageEvent<PageMessage>) => this.receive(event.data);
  }

  private receive(message: PageMessage): void {
    if (message.t === 'init') this.start(message);
    else if (message.t === 'ops') this.show(applyOps(this.outputs, message.ops));
    else if (message.t === 'theme') applyTheme(message.theme);
    else if (message.t === 'scroll') document.documentElement.classList.toggle('scrolls', message.inner);
    else if (message.t === 'blob') this.blobs.answer(message.request, message.blob);
    else if (message.t === 'text') void this.answerText(message.request);
    else if (message.t === 'picture') void this.answerPicture(message.request, message.output);
    else if (message.t === 'comm' || message.t === 'followed' || message.t === 'module' || message.t === 'comm-done')
      this.comms.receive(message);
    else this.bridge?.receive(message);
  }

  private start(message: PageMessage & { t: 'init' }): void {
    applyTheme(message.theme);
    const root = document.getElementById('output-area');
    if (root === null) return;
    const areas = new Areas(root);
    const bridge = new Bridge(this.post, message.live);
    const height = new Height(this.post, bridge);
    [this.bridge, this.areas] = [bridge, areas];
    const widgets = widgetViews(this.comms);
    const env: ViewEnv = {
      readBlob: (blob) => this.blobs.read(blob),
      externalImages: message.externalImages,
      copyText,
      active: (mime) => widgets[mime] ?? activeView(mime),
      seat: areas.seat,
    };
    tameDocumentWrite();
    allowNetwork(message.network);
    fromRuntime((module) => this.comms.module(module));
    // Before the first output: programs look for it as they start.
    installColab({
      bridge,
      comms: this.comms,
      areas,
      height,
      render: (bundle, element) => renderInto(bundle, element, env),
    });
    bridgeDevices(bridge, message.devices);
    this.list = new OutputList(root, env);
    this.show(message.outputs);
    height.start();
    forwardKeys(this.post);
  }

  private show(outputs: readonly Output[]): void {
    const cleared = outputs.length === 0 && this.outputs.length > 0;
    this.outputs = outputs;
    this.list?.update(outputs);
    if (cleared) this.areas?.empty();
  }

  private async answerText(request: number): Promise<void> {
    this.post({ t: 'text', request, text: (await this.list?.text()) ?? '' });
  }

  private async answerPicture(request: number, output: string): Promise<void> {
    const element = this.list?.elementOf(output);
    const drawn = element && import('./picture').then(({ picture }) => picture(element));
    this.post({ t: 'picture', request, picture: (await drawn?.catch(() => null)) ?? null });
  }
}

let rendered = 0;

/** `google.colab.output.renderOutput`: draws one output, given as nbformat has it, into an element of the program's. */
async function renderInto(bundle: unknown, element: HTMLElement, env: ViewEnv): Promise<void> {
  const given = typeof bundle === 'object' && bundle !== null ? (bundle as Record<string, unknown>) : {};
  const type = given['output_type'] ?? given['type'] ?? 'display_data';
  const output = { metadata: {}, ...given, id: `rendered-${++rendered}`, output_type: String(type) } as Output;
  const inner = document.createElement('div');
  element.append(inner);
  const { seat: _seat, ...own } = env;
  new OutputList(inner, own).update([output]);
}

function applyTheme(theme: FrameTheme): void {
  const root = document.documentElement;
  root.dataset['theme'] = theme.name;
  // Code written for Colab reads the theme from this attribute.
  root.setAttribute('theme', theme.name);
  for (const [name, value] of Object.entries(theme.tokens)) root.style.setProperty(name, value);
  redrawThemed();
}

function connect(event: MessageEvent): void {
  const port = event.ports[0];
  if (event.source !== window.parent || event.data !== CONNECT || port === undefined) return;
  removeEventListener('message', connect);
  // No script of the notebook may see the port pass by.
  event.stopImmediatePropagation();
  void new Frame(port);
}

if (window.parent !== window) {
  addEventListener('message', connect);
  window.parent.postMessage(READY, '*');
}
