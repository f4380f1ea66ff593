/** The keys of the list of files. */
import { type KeyboardEvent, useRef } from 'react';
import type { File } from '@labora/api';
import { navigate } from '@labora/ui';
import * as actions from './actions';
import { hold, letGo, paste } from './clipboard';
import { stepOf, typeAhead } from './selection';
import type { Chosen } from './useSelection';
import type { Listing } from './useListing';

export interface KeyDoors {
  listing: Listing;
  chosen: Chosen;
  columns: number;
  /** Lines that are in sight. */
  page: number;
  inTrash: boolean;
  /** Where what is pasted goes; null where nothing can be. */
  folder: { id: string; name: string } | null;
  /** The address one folder up. */
  up: string | null;
  go: (index: number, how: 'only' | 'toggle' | 'range' | 'focus') => void;
  open: (file: File) => void;
  rename: () => void;
  details: () => void;
  help: () => void;
}

const PAUSE_MS = 800;

export function useKeys(doors: KeyDoors) {
  const typed = useRef({ text: '', at: 0 });
  const { listing, chosen, inTrash } = doors;

  function letter(key: string): boolean {
    const now = Date.now();
    const goesOn = now - typed.current.at < PAUSE_MS;
    const text = goesOn ? typed.current.text + key : key;
    if (!goesOn && key.toLowerCase() === 'i') return (doors.details(), true);
    if (!goesOn && key === '?') return (doors.help(), true);
    if (key === ' ' && !goesOn) return false;
    typed.current = { text, at: now };
    const names = Array.from({ length: listing.total }, (_, index) => listing.at(index)?.name);
    const index = typeAhead(names, chosen.active, text);
    if (index >= 0) doors.go(index, 'only');
    return index >= 0;
  }

  function withControl(key: string): boolean {
    const files = chosen.files;
    if (key === 'a') chosen.all();
    else if (inTrash) return false;
    else if (key === 'c' && files.length) hold('copy', files);
    else if (key === 'x' && files.length) hold('cut', files);
    else if (key === 'v' && doors.folder) void paste(doors.folder);
    else return false;
    return true;
  }

  function remove(): void {
    const able = chosen.files.filter((file) => file.abilities.includes(inTrash ? 'delete' : 'trash'));
    if (able.length) void (inTrash ? actions.deleteForEver(able) : actions.trash(able));
  }

  return (event: KeyboardEvent): void => {
    if ((event.target as HTMLElement).closest('[role=columnheader], input, [role=menu]')) return;
    const control = event.ctrlKey || event.metaKey;
    const { key } = event;
    const active = listing.at(chosen.active);
    const step = event.altKey
      ? null
      : stepOf(key, {
          active: chosen.active,
          total: listing.total,
          columns: doors.columns,
          page: doors.page,
          fresh: chosen.chosen.size === 0,
        });
    if (step !== null) doors.go(step, event.shiftKey ? 'range' : control ? 'focus' : 'only');
    else if ((event.altKey && key === 'ArrowUp') || (key === 'Backspace' && !event.metaKey)) {
      if (!doors.up) return;
      navigate(doors.up);
    } else if (event.altKey) return;
    else if (key === 'Enter' && active) doors.open(active);
    else if (key === ' ' && Date.now() - typed.current.at >= PAUSE_MS)
      doors.go(chosen.active, control || chosen.chosen.size ? 'toggle' : 'only');
    else if (key === 'F2') doors.rename();
    else if (key === 'Escape') {
      letGo();
      chosen.none();
    } else if (key === 'Delete' || (key === 'Backspace' && event.metaKey)) remove();
    else if (control) {
      if (event.shiftKey || !withControl(key.toLowerCase())) return;
    } else if (key.length !== 1 || key === '/' || !letter(key)) return;
    event.preventDefault();
  };
}
