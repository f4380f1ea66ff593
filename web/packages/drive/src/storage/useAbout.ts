/** What the account stores and may store: asked once for all who show it, and again whenever files changed. */
import { useSyncExternalStore } from 'react';
import { type About, api } from '@labora/api';
import { onFilesChanged } from '../list/changes';

/** Many files often change one after the other. */
const WAIT_MS = 1500;

let about: About | null = null;
let control = new AbortController();
let timer: ReturnType<typeof setTimeout> | undefined;
let off = () => {};
const listeners = new Set<() => void>();

function set(next: About | null): void {
  about = next;
  for (const listener of listeners) listener();
}

function ask(): void {
  control.abort();
  control = new AbortController();
  const { signal } = control;
  api.about(signal).then(
    (found) => signal.aborted || set(found),
    () => undefined, // an older answer, or none, is shown until the next question
  );
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (listeners.size === 1) {
    ask();
    off = onFilesChanged(() => {
      clearTimeout(timer);
      timer = setTimeout(ask, WAIT_MS);
    });
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    off();
    clearTimeout(timer);
    control.abort();
    // Whoever looks next may be somebody else.
    about = null;
  };
}

export const useAbout = (): About | null => useSyncExternalStore(subscribe, () => about);
