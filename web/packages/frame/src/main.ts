/**
 * The page of an output frame. It runs on the content origin, holds no credential, and gets everything through the one
 * port that the app's page hands it. What the notebook's own scripts do here reaches no further than this page.
 */
import { OutputList, type Output, type ViewEnv } from '@labora/outputs/core';
import {
  applyOps,
  CONNECT,
  type FrameMessage,
  type FrameTheme,
  type PageMessage,
  READY,
} from '@labora/outputs/core/protocol';
import { activeViews } from './active';
import { BlobReader } from './blobs';
import { CommPort } from './comm-port';
import { copyText } from './copy';
import { reportHeight } from './height';
import { forwardKeys } from './keys';
import { widgetViews } from './widget-view';
import './frame.css';

class Frame {
  private outputs: readonly Output[] = [];
  private list: OutputList | null = null;
  private readonly blobs: BlobReader;
  private readonly comms: CommPort;
  private readonly post: (message: FrameMessage) => void;

  constructor(port: MessagePort) {
    // Taken now, before any script of the notebook can put another function in its place.
    this.post = port.postMessage.bind(port);
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
    else if (message.t === 'comm' || message.t === 'followed' || message.t === 'module' || message.t === 'comm-done')
      this.comms.receive(message);
  }

  private start(message: PageMessage & { t: 'init' }): void {
    applyTheme(message.theme);
    const root = document.getElementById('output-area');
    if (root === null) return;
    const env: ViewEnv = {
      readBlob: (blob) => this.blobs.read(blob),
      externalImages: message.externalImages,
      copyText,
      active: { ...activeViews(), ...widgetViews(this.comms) },
    };
    this.list = new OutputList(root, env);
    this.show(message.outputs);
    reportHeight(this.post);
    forwardKeys(this.post);
  }

  private show(outputs: readonly Output[]): void {
    this.outputs = outputs;
    this.list?.update(outputs);
  }

  private async answerText(request: number): Promise<void> {
    this.post({ t: 'text', request, text: (await this.list?.text()) ?? '' });
  }
}

function applyTheme(theme: FrameTheme): void {
  const root = document.documentElement;
  root.dataset['theme'] = theme.name;
  // Code written for Colab reads the theme from this attribute.
  root.setAttribute('theme', theme.name);
  for (const [name, value] of Object.entries(theme.tokens)) root.style.setProperty(name, value);
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
