/**
 * The `google.colab` object of output frames, after its public description. What is not allowed is refused by a rejected
 * promise, so that a saved output which calls it on opening goes on.
 */
import { type Areas } from '../areas';
import { type Bridge } from '../bridge';
import { type CommPort } from '../comm-port';
import { type Height } from '../height';
import { enqueue } from '../scripts';
import { ColabComms } from './comms';
import { uploadFiles, uploadFilesContinue } from './files';

export interface Parts {
  bridge: Bridge;
  comms: CommPort;
  areas: Areas;
  height: Height;
  /** Draws a MIME bundle with its `output_type` into an element. */
  render(bundle: unknown, element: HTMLElement): Promise<void>;
}

/** A rejection that nobody takes care of is no error of the console: the output was only refused. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Gives the lasting address of a port, once this browser may open it from inside a frame. */
async function proxyPort(bridge: Bridge, port: number): Promise<string> {
  const { url, ticket_url } = (await bridge.ask('port', { port })) as { url: string; ticket_url: string };
  // Its answer plants the cookie of the port's host; an app that is not up yet refuses, which is not ours to tell.
  await fetch(ticket_url, { mode: 'no-cors', credentials: 'include' }).catch(() => {});
  return url;
}

function kernel({ bridge, comms }: Parts) {
  return {
    get accessAllowed() {
      return bridge.live;
    },
    invokeFunction: (name: string, args: unknown[] = [], kwargs: Record<string, unknown> = {}) =>
      quiet(bridge.ask('call', { name, args, kwargs })),
    proxyPort: (port: number, _options: { cache?: boolean } = {}) => quiet(proxyPort(bridge, port)),
    disconnect: () => quiet(bridge.ask('disconnect')),
    comms: new ColabComms(bridge, comms),
  };
}

function output({ areas, height, render }: Parts) {
  return {
    getActiveOutputArea: () => areas.current,
    getDefaultOutputArea: () => areas.main,
    setActiveOutputArea(place: HTMLElement | string | null) {
      areas.current = (typeof place === 'string' ? document.querySelector<HTMLElement>(place) : place) ?? areas.main;
    },
    /** The outputs that come after this one wait for the promise. */
    pauseOutputUntil(promise: Promise<unknown>) {
      const settled = Promise.resolve(promise).then(
        () => {},
        () => {},
      );
      void enqueue(() => settled);
    },
    setIframeHeight: (px: number, auto = false, options: { maxHeight?: number } = {}) => height.set(px, auto, options),
    resizeIframeToContent: () => height.set(-1, true, {}),
    renderOutput: render,
  };
}

/** Puts `google.colab` into the global scope. */
export function installColab(parts: Parts): void {
  const { bridge } = parts;
  const elements: Record<string, Element> = {};
  const colab = {
    kernel: kernel(parts),
    output: output(parts),
    widgets: { installCustomManager: () => Promise.resolve() },
    notebook: {
      addCell: (code: string, kind = 'code') => quiet(bridge.ask('cell', { code, kind })),
      generateWithVariable: (name: string) => quiet(bridge.ask('cell', { code: String(name), kind: 'code' })),
    },
    files: { view: (path: string, line?: number) => quiet(bridge.ask('view', { path, line: line ?? null })) },
    html: { elements },
    _files: {
      _uploadFiles: uploadFiles,
      _uploadFilesContinue: uploadFilesContinue,
      /** Puts chosen files into the runtime; gives their names and sizes. */
      put: (files: Iterable<File>, folder = '/content') => {
        const chosen = [...files];
        return quiet(bridge.ask('files', { folder, names: chosen.map((file) => file.name) }, chosen));
      },
    },
  };
  const scope = window as unknown as { google?: Record<string, unknown> };
  scope.google = { ...scope.google, colab };
}
