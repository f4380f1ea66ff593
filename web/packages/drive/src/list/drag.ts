/** Dragging: files within the page (moved, or copied with Ctrl), and files from the desktop onto a folder. */
import { type DragEvent, useRef, useState, useSyncExternalStore } from 'react';
import type { File } from '@labora/api';
import { errorText, t, toast } from '@labora/ui';
import { addDropped } from '../upload/queue';
import * as actions from './actions';

const TYPE = 'application/x-labora-files';

/** Where files can be dropped. */
export type Place = { kind: 'folder'; id: string; name: string } | { kind: 'trash' } | { kind: 'starred' };

let dragged: readonly File[] = [];
/** The folder under what is dragged in from the desktop, whose name the page tells. */
let under: string | null = null;
const listeners = new Set<() => void>();

function setUnder(name: string | null): void {
  under = name;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useFolderUnderDrag = (): string | null => useSyncExternalStore(subscribe, () => under);

export function startDrag(event: DragEvent, files: readonly File[]): void {
  dragged = files;
  event.dataTransfer.effectAllowed = 'copyMove';
  event.dataTransfer.setData(TYPE, files.map((file) => file.id).join(','));
  const badge = document.createElement('div');
  badge.className = 'drag-badge';
  badge.textContent = t('files.items', { count: files.length, name: files[0]?.name ?? '' });
  document.body.append(badge);
  event.dataTransfer.setDragImage(badge, -12, -8);
  // The browser takes its picture of the element after this event.
  setTimeout(() => badge.remove());
}

export function endDrag(): void {
  dragged = [];
}

export const carriesFiles = (event: DragEvent): boolean => event.dataTransfer.types.includes('Files');
const carriesOwn = (event: DragEvent): boolean => dragged.length > 0 && event.dataTransfer.types.includes(TYPE);

/** With Ctrl (Alt on a Mac) what is dragged stays and a copy goes. */
const copies = (event: DragEvent): boolean => event.ctrlKey || event.altKey;

/** Whether files may go there. */
export function fits(files: readonly File[], place: Place, copy: boolean): boolean {
  const can = (ability: File['abilities'][number]) => files.every((file) => file.abilities.includes(ability));
  if (files.length === 0) return false;
  if (place.kind === 'starred') return !copy;
  if (place.kind === 'trash') return !copy && can('trash') && files.every((file) => file.trashed_at === null);
  if (files.some((file) => file.id === place.id || file.trashed_at !== null)) return false;
  if (copy) return can('copy');
  return can('move') && files.some((file) => file.parent_id !== place.id);
}

function put(files: readonly File[], place: Place, copy: boolean): void {
  const list = [...files];
  if (place.kind === 'trash') void actions.trash(list);
  else if (place.kind === 'starred') void actions.star(list, true);
  else if (copy) void actions.copyTo(list, place);
  else void actions.move(list, place);
}

/** The handlers of an element that takes files; `over` while something that fits hangs over it. */
export function useDropTarget(place: Place | null, onLinger?: () => void) {
  const [over, setOver] = useState(false);
  const depth = useRef(0);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  function takes(event: DragEvent): 'own' | 'outside' | null {
    if (place === null) return null;
    if (carriesOwn(event)) return fits(dragged, place, copies(event)) ? 'own' : null;
    return place.kind === 'folder' && carriesFiles(event) ? 'outside' : null;
  }
  function leave() {
    depth.current = 0;
    clearTimeout(timer.current);
    setOver(false);
    if (place?.kind === 'folder' && under === place.name) setUnder(null);
  }
  return {
    over,
    handlers: {
      onDragEnter: (event: DragEvent) => {
        const what = takes(event);
        if (!what) return;
        event.preventDefault();
        depth.current += 1;
        if (depth.current > 1) return;
        setOver(true);
        if (what === 'outside' && place?.kind === 'folder') setUnder(place.name);
        if (onLinger) timer.current = setTimeout(onLinger, 700);
      },
      onDragOver: (event: DragEvent) => {
        const what = takes(event);
        if (!what) return;
        event.preventDefault();
        event.dataTransfer.dropEffect = what === 'outside' || copies(event) ? 'copy' : 'move';
      },
      onDragLeave: () => {
        if (depth.current > 0) depth.current -= 1;
        if (depth.current === 0) leave();
      },
      onDrop: (event: DragEvent) => {
        const what = takes(event);
        leave();
        if (!what || place === null) return;
        // The page, which would take files from the desktop too, leaves alone what was taken.
        event.preventDefault();
        if (what === 'own') put(dragged, place, copies(event));
        else if (place.kind === 'folder')
          addDropped(event.dataTransfer, place.id).catch((error: unknown) =>
            toast({ kind: 'error', message: errorText(error) }),
          );
      },
    },
  };
}
