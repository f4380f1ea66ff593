/** Files that were copied or cut, to be pasted into another folder. */
import { useSyncExternalStore } from 'react';
import type { File } from '@labora/api';
import { t, toast } from '@labora/ui';
import * as actions from './actions';

interface Held {
  how: 'copy' | 'cut';
  files: File[];
}

let held: Held | null = null;
const listeners = new Set<() => void>();

function set(next: Held | null): void {
  held = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useHeld = (): Held | null => useSyncExternalStore(subscribe, () => held);

export function hold(how: Held['how'], files: File[]): void {
  const ability = how === 'cut' ? 'move' : 'copy';
  const able = files.filter((file) => file.abilities.includes(ability));
  if (able.length === 0) return toast({ kind: 'error', message: t(`files.clipboard.cannot.${how}`) }) && undefined;
  set({ how, files: able });
  toast({ message: t(`files.clipboard.${how}`, { count: able.length, name: able[0]?.name ?? '' }) });
}

export const letGo = (): void => set(null);

export async function paste(folder: { id: string; name: string }): Promise<void> {
  if (!held) return;
  const { how, files } = held;
  if (how === 'cut') {
    set(null);
    await actions.move(files, folder);
  } else await actions.copyTo(files, folder);
}
