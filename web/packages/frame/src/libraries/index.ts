/** The libraries that this server ships, loaded when an output first needs one. */
import { Addresses, mentionsNetwork } from './addresses';

/** Where this file lies; spelled so that the build takes it for no asset. */
const folder = import.meta.url.replace(/[^/]*$/, '');
let external = false;
let made: Promise<Addresses> | null = null;

/** Says whether outputs may use the network, as far as this page's policy lets them. */
export function allowNetwork(on: boolean): void {
  external = on;
}

/** Returns whether outputs may use the network. */
export const isAllowed = (): boolean => external;

/** Returns whether an address is of a public network that this page may not use: asking it would only be refused. */
export const isShutOut = (address: string): boolean => !external && mentionsNetwork(address);

function addresses(): Promise<Addresses> {
  made ??= import('virtual:libraries').then(({ default: rules }) => new Addresses(rules, folder, external));
  return made;
}

/** Returns the text with the addresses of known libraries written anew. */
export async function local(text: string): Promise<string> {
  return mentionsNetwork(text) ? (await addresses()).rewrite(text) : text;
}

const loading = new Map<string, Promise<void>>();

/** Loads a library's script once, as a script of the page. Rejects when it cannot be loaded. */
export async function loadScript(name: string): Promise<void> {
  const source = (await addresses()).library(name);
  const known = loading.get(name) ?? run(source);
  loading.set(name, known);
  // The next output that needs it tries again.
  known.catch(() => loading.delete(name));
  return known;
}

function run(source: string): Promise<void> {
  // With a loader of modules in the page the library would hand itself to that and be found by nobody.
  const scope = window as unknown as { define?: unknown };
  const { define } = scope;
  delete scope.define;
  return new Promise<void>((resolve, reject) => {
    const script = document.createElement('script');
    script.src = source;
    script.onload = () => resolve();
    script.onerror = () => reject(new Error(`${source} could not be loaded.`));
    document.head.append(script);
  }).finally(() => {
    if (define !== undefined) scope.define = define;
  });
}

/** Loads a library's style sheet once. */
export async function loadStyle(name: string): Promise<void> {
  const href = (await addresses()).library(name);
  if (document.querySelector(`link[href="${href}"]`) !== null) return;
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = href;
  const done = new Promise<void>((resolve) => {
    link.onload = link.onerror = () => resolve();
  });
  document.head.append(link);
  await done;
}
