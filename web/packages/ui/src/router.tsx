/** Addresses and links: a small router on the History API. Pages are chosen by the app's route table. */
import { type AnchorHTMLAttributes, type MouseEvent, useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();
const emit = () => {
  for (const listener of listeners) listener();
};

export interface NavigateOptions {
  /** Replaces the entry of the history, for redirects. */
  replace?: boolean;
}

/** Goes to an address of this app, without loading the page anew. */
export function navigate(to: string, options: NavigateOptions = {}): void {
  const { pathname, search, hash } = new URL(to, location.href);
  if (hash && pathname === location.pathname && search === location.search) {
    // A place on the page that is shown: whoever follows such links hears of it as from the browser, also a second time.
    if (hash === location.hash) dispatchEvent(new HashChangeEvent('hashchange'));
    else if (options.replace) location.replace(hash);
    else location.hash = hash;
    return;
  }
  if (options.replace) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  emit();
  if (!options.replace) scrollTo(0, 0);
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) addEventListener('popstate', emit);
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) removeEventListener('popstate', emit);
  };
}

export const usePath = (): string => useSyncExternalStore(subscribe, () => location.pathname);
export const useSearch = (): string => useSyncExternalStore(subscribe, () => location.search);

/** Matches `/folders/:id` against a path: its parameters, or null. */
export function matchPath(pattern: string, path: string): Record<string, string> | null {
  const want = pattern.split('/').filter(Boolean);
  const have = path.split('/').filter(Boolean);
  if (want.length !== have.length) return null;
  const parameters: Record<string, string> = {};
  for (const [index, part] of want.entries()) {
    const value = have[index] ?? '';
    if (part.startsWith(':')) {
      try {
        parameters[part.slice(1)] = decodeURIComponent(value);
      } catch {
        return null;
      }
    } else if (part !== value) return null;
  }
  return parameters;
}

export type LinkProps = AnchorHTMLAttributes<HTMLAnchorElement> & { href: string; replace?: boolean };

/** A link inside the app. Modified clicks (new tab, new window) stay the browser's. */
export function Link({ href, replace = false, onClick, children, ...rest }: LinkProps) {
  function follow(event: MouseEvent<HTMLAnchorElement>) {
    onClick?.(event);
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (event.defaultPrevented || !plain || (rest.target && rest.target !== '_self')) return;
    event.preventDefault();
    navigate(href, { replace });
  }
  return (
    <a {...rest} href={href} onClick={follow}>
      {children}
    </a>
  );
}
