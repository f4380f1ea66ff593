/** What the page says about its connection and about what is saved. */
import type { Ability, File, PresentAccount } from './types';

export type SaveState = 'loading' | 'saved' | 'saving' | 'offline' | 'read-only' | 'storage-full';
export type EndReason = 'version' | 'signed-out' | 'forbidden' | 'missing' | 'gone';

export interface RoomStatus {
  connection: 'connecting' | 'online' | 'offline' | 'ended';
  ended: EndReason | null;
  /** The document has been loaded once. */
  loaded: boolean;
  save: SaveState;
  /** Local updates that the server has not called durable. */
  unsaved: number;
  storage: { ok: boolean; message: string };
  file: File | null;
  abilities: readonly Ability[];
  account: PresentAccount | null;
  readOnlyReason: string | null;
  /** How far the server's clock is ahead of this browser's, in milliseconds. */
  clockSkew: number;
  /** When the next try to connect is made, in milliseconds since the epoch. */
  retryAt: number | null;
}

export const firstStatus: RoomStatus = {
  connection: 'connecting',
  ended: null,
  loaded: false,
  save: 'loading',
  unsaved: 0,
  storage: { ok: true, message: '' },
  file: null,
  abilities: [],
  account: null,
  readOnlyReason: null,
  clockSkew: 0,
  retryAt: null,
};

export const endReasons: Readonly<Record<number, EndReason>> = {
  4400: 'version',
  4401: 'signed-out',
  4403: 'forbidden',
  4404: 'missing',
  4410: 'gone',
};

/** The save state that is true of a status: "saved" only when every update has been acknowledged. */
export function saveState(status: Omit<RoomStatus, 'save'>): SaveState {
  if (!status.loaded) return 'loading';
  if (status.connection !== 'online') return 'offline';
  if (!status.storage.ok) return 'storage-full';
  if (status.unsaved > 0) return 'saving';
  return canEdit(status) ? 'saved' : 'read-only';
}

export const canEdit = (status: Pick<RoomStatus, 'abilities' | 'readOnlyReason'>): boolean =>
  status.abilities.includes('edit') && status.readOnlyReason === null;
