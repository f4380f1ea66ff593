/** Where a notebook's frames come from, and whether that place can be reached from this browser. */
import { READY } from './core/protocol';

export interface FrameLocation {
  /** A: a domain of its own; B: a label of localhost; C: the app's host, sandboxed to an opaque origin. */
  mode: 'A' | 'B' | 'C';
  /** Origin of the frame's page; "null" in mode C. */
  origin: string;
  /** The constant page that every frame of the notebook loads. */
  url: string;
  /** The page of mode C, for browsers that do not resolve labels of localhost. */
  fallback: string;
  /** Whether outputs may load from other sites; the frame's own policy holds it. */
  network?: boolean;
}

const PROBE_MS = 1_500;
const SANDBOX = [
  'allow-scripts',
  'allow-same-origin',
  'allow-forms',
  'allow-downloads',
  'allow-pointer-lock',
  'allow-popups',
  'allow-popups-to-escape-sandbox',
];

/** Makes the iframe, with exactly the rights that an output has, and the devices that the person let it use. */
export function makeIframe(location: FrameLocation, title: string, devices: readonly string[] = []): HTMLIFrameElement {
  const iframe = document.createElement('iframe');
  iframe.setAttribute(
    'sandbox',
    SANDBOX.filter((flag) => location.mode !== 'C' || flag !== 'allow-same-origin').join(' '),
  );
  iframe.setAttribute('referrerpolicy', 'no-referrer');
  iframe.setAttribute('allow', ['fullscreen', 'autoplay', ...devices].join('; '));
  iframe.title = title;
  iframe.src = location.url;
  return iframe;
}

/** Returns whether a message is the frame's own sign of life. */
export function isReady(event: MessageEvent, iframe: HTMLIFrameElement, location: FrameLocation): boolean {
  const origin = location.mode === 'C' ? 'null' : location.origin;
  return (
    event.source !== null && event.source === iframe.contentWindow && event.origin === origin && event.data === READY
  );
}

const opaque = (location: FrameLocation): FrameLocation => ({
  mode: 'C',
  origin: 'null',
  url: location.fallback,
  fallback: location.fallback,
  ...(location.network === undefined ? {} : { network: location.network }),
});

let reachable: Promise<boolean> | null = null;
let arrived = false;

function probe(location: FrameLocation): Promise<boolean> {
  return new Promise((resolve) => {
    const iframe = makeIframe(location, '');
    iframe.setAttribute('aria-hidden', 'true');
    iframe.tabIndex = -1;
    iframe.style.cssText = 'position:absolute;width:1px;height:1px;border:0;visibility:hidden';
    const finish = (found: boolean) => {
      arrived ||= found;
      resolve(found);
    };
    const listen = (event: MessageEvent) => {
      if (!isReady(event, iframe, location)) return;
      finish(true);
      removeEventListener('message', listen);
      iframe.remove();
    };
    addEventListener('message', listen);
    setTimeout(() => finish(false), PROBE_MS);
    // One that answers late still counts for the frames that come after.
    setTimeout(() => {
      removeEventListener('message', listen);
      iframe.remove();
    }, 10 * PROBE_MS);
    document.body.append(iframe);
  });
}

/** Returns the place to use: mode B is tried once per page, and left for mode C when it does not answer. */
export async function usableLocation(location: FrameLocation): Promise<FrameLocation> {
  if (location.mode !== 'B') return location;
  reachable ??= probe(location);
  return (await reachable) || arrived ? location : opaque(location);
}
