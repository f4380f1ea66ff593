/** How this browser shows the drive: remembered, and the same in all its places. */
import { useSyncExternalStore } from 'react';
import type { Layout } from './list/layout';

export interface Preferences {
  layout: Layout;
  details: boolean;
}

const KEY = 'labora.drive.view';
let preferences: Preferences = read();
const listeners = new Set<() => void>();

function read(): Preferences {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Preferences>;
    return { layout: kept.layout === 'grid' ? 'grid' : 'list', details: kept.details === true };
  } catch {
    return { layout: 'list', details: false };
  }
}

export function setPreferences(some: Partial<Preferences>): void {
  preferences = { ...preferences, ...some };
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // Without storage the choice lasts as long as the page.
  }
  for (const listener of listeners) listener();
}

export const toggleDetailsPane = (): void => setPreferences({ details: !preferences.details });

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const usePreferences = (): Preferences => useSyncExternalStore(subscribe, () => preferences);
