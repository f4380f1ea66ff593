/**
 * Unacknowledged updates in IndexedDB, per account, file and tab, so that they survive a reload without a connection.
 * A tab holds a lock while it lives; a later tab takes over the updates of tabs whose lock is free.
 */
import { deleteDB, type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { KeptNotebook } from './kept';
import type { CellKind } from './types';

const NAME = 'labora-unsaved';

/** A cell as it stood in a tab with unsaved edits: what is kept when the history it belongs to is replaced. */
export interface Draft {
  cell_id: string;
  kind: CellKind;
  source: string;
}

export interface VaultUpdate {
  ref: number;
  epoch: string;
  update: Uint8Array;
}

export interface Adopted {
  updates: VaultUpdate[];
  drafts: (Draft & { epoch: string })[];
}

type Key = [account: string, file: string, tab: string, last: number | string];
interface Where {
  account: string;
  file: string;
  tab: string;
}

export interface Schema extends DBSchema {
  updates: { key: Key; value: Where & VaultUpdate };
  drafts: { key: Key; value: Where & Draft & { epoch: string } };
  notebooks: { key: [account: string, file: string]; value: KeptNotebook; indexes: { at: number } };
}

export interface Vault {
  save(epoch: string, updates: readonly { ref: number; update: Uint8Array }[], drafts: readonly Draft[]): Promise<void>;
  /** Forgets the updates up to `ref`; `all` forgets the drafts too. */
  forget(ref: number, all: boolean): Promise<void>;
  /** Takes what ended tabs of this account left of this file. The caller saves it as its own, then calls `done`. */
  adopt(): Promise<Adopted & { done(): Promise<void> }>;
  close(): void;
}

const lockName = (tab: string) => `labora-tab-${tab}`;

/** Set once somebody has signed out, here or in another tab: what this page still shows is not kept any more. */
let signedOut = false;

/** Opens the database of what this browser keeps of notebooks. Throws after a sign-out. */
export async function openKept(): Promise<IDBPDatabase<Schema>> {
  if (signedOut) throw new Error('Nothing is kept after a sign-out.');
  return openDB<Schema>(NAME, 2, {
    upgrade(db, before) {
      if (before < 1) {
        db.createObjectStore('updates', { keyPath: ['account', 'file', 'tab', 'ref'] });
        db.createObjectStore('drafts', { keyPath: ['account', 'file', 'tab', 'cell_id'] });
      }
      db.createObjectStore('notebooks', { keyPath: ['account.id', 'file.id'] }).createIndex('at', 'at');
    },
    blocking(_current, next, event) {
      if (next === null) signedOut = true;
      (event.target as IDBDatabase).close();
    },
  });
}

/** Deletes everything that this browser keeps of notebooks, unsaved edits too: at sign-out, before the page ends. */
export async function clearKept(): Promise<void> {
  signedOut = true;
  await deleteDB(NAME);
}

const prefix = (...parts: string[]): IDBKeyRange => IDBKeyRange.bound(parts, [...parts, []]);

export async function openVault(account: string, file: string, tab: string): Promise<Vault> {
  const db = await openKept();
  const mine: Where = { account, file, tab };
  const release = holdLock(tab);
  return {
    async save(epoch, updates, drafts) {
      const tx = db.transaction(['updates', 'drafts'], 'readwrite', { durability: 'strict' });
      for (const { ref, update } of updates) void tx.objectStore('updates').put({ ...mine, ref, update, epoch });
      for (const draft of drafts) void tx.objectStore('drafts').put({ ...mine, ...draft, epoch });
      await tx.done;
    },
    async forget(ref, all) {
      const tx = db.transaction(['updates', 'drafts'], 'readwrite');
      void tx.objectStore('updates').delete(IDBKeyRange.bound([account, file, tab, 0], [account, file, tab, ref]));
      if (all) void tx.objectStore('drafts').delete(prefix(account, file, tab));
      await tx.done;
    },
    async adopt() {
      const [updates, drafts] = await Promise.all([
        db.getAll('updates', prefix(account, file)),
        db.getAll('drafts', prefix(account, file)),
      ]);
      const tabs = new Set([...updates, ...drafts].map((record) => record.tab));
      tabs.delete(tab);
      const free = new Set<string>();
      for (const other of tabs) if (await isFree(other)) free.add(other);
      return {
        updates: updates.filter((record) => free.has(record.tab)),
        drafts: drafts.filter((record) => free.has(record.tab)),
        async done() {
          const tx = db.transaction(['updates', 'drafts'], 'readwrite');
          for (const other of free) {
            void tx.objectStore('updates').delete(prefix(account, file, other));
            void tx.objectStore('drafts').delete(prefix(account, file, other));
          }
          await tx.done;
        },
      };
    },
    close() {
      release();
      db.close();
    },
  };
}

/** Holds this tab's lock until the returned function is called or the tab ends. */
function holdLock(tab: string): () => void {
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  void locks()?.request(lockName(tab), () => held);
  return release;
}

/** Whether a tab has ended. Two tabs that adopt the same updates do no harm: applying one twice changes nothing. */
async function isFree(tab: string): Promise<boolean> {
  const manager = locks();
  if (!manager) return true;
  return manager.request(lockName(tab), { ifAvailable: true }, (lock) => lock !== null);
}

/** The Web Locks API; absent on pages without a secure context. */
function locks(): LockManager | undefined {
  return typeof navigator === 'undefined' ? undefined : (navigator.locks as LockManager | undefined);
}
