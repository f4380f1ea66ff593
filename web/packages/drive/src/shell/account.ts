/** Who is signed in: one value for all pages, filled by the app before it shows one that needs it. */
import { useSyncExternalStore } from 'react';
import { type Account, api } from '@labora/api';

let account: Account | null = null;
const listeners = new Set<() => void>();

export function setAccount(next: Account | null): void {
  account = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useAccount = (): Account | null => useSyncExternalStore(subscribe, () => account);

const leaving = new Set<() => Promise<void> | void>();

/** Registers what must be cleared when this person signs out: edits kept in this browser, for one. */
export function onSignOut(task: () => Promise<void> | void): () => void {
  leaving.add(task);
  return () => leaving.delete(task);
}

const REMEMBERED = 'labora.account';

/** Who was last signed in here: whose notebooks a page may show while the server cannot be reached. */
export function rememberedAccount(): Account | null {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED) ?? 'null') as Account | null;
  } catch {
    return null;
  }
}

export function rememberAccount(next: Account | null): void {
  try {
    if (next) localStorage.setItem(REMEMBERED, JSON.stringify(next));
    else localStorage.removeItem(REMEMBERED);
  } catch {
    // Without storage nothing is shown while the server is away.
  }
}

/** Ends this login session (or all of the account) and loads the sign-in page afresh, so that nothing stays in memory. */
export async function signOut(everywhere = false): Promise<void> {
  await (everywhere ? api.logoutEverywhere() : api.logout());
  rememberAccount(null);
  await Promise.allSettled([...leaving].map((task) => task()));
  location.assign('/login');
}
