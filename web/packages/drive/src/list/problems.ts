/** What could not be done, for the dialog that lists it. */
import { useSyncExternalStore } from 'react';
import type { Failure } from './jobs';

export interface Problems {
  title: string;
  failures: readonly Failure[];
  again: () => void;
}

let shown: Problems | null = null;
const listeners = new Set<() => void>();

export function showProblems(next: Problems | null): void {
  shown = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useProblems = (): Problems | null => useSyncExternalStore(subscribe, () => shown);
