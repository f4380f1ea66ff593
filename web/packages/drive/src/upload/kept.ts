/**
 * Which uploads this browser began, so that they can go on after a reload: the server knows how far they are, here is
 * only kept of which file they are, by the time of its last change. Cleared on sign-out.
 */
import { onSignOut } from '../shell/account';

const KEY = 'labora.uploads';

interface Kept {
  account: string;
  modified: number;
}

function read(): Record<string, Kept> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Record<string, Kept>;
  } catch {
    return {};
  }
}

function write(change: (kept: Record<string, Kept>) => void): void {
  try {
    const kept = read();
    change(kept);
    if (Object.keys(kept).length) localStorage.setItem(KEY, JSON.stringify(kept));
    else localStorage.removeItem(KEY);
  } catch {
    // Without storage an upload cannot go on after a reload; it does so while the page is open.
  }
}

export const keep = (upload: string, account: string, modified: number): void =>
  write((kept) => {
    kept[upload] = { account, modified };
  });

export const forget = (upload: string): void =>
  write((kept) => {
    delete kept[upload];
  });

/** When the file of an upload was last changed, if this account began it here. */
export const keptOf = (upload: string, account: string): number | null => {
  const found = read()[upload];
  return found?.account === account ? found.modified : null;
};

/** Forgets what the server no longer knows. */
export const keepOnly = (uploads: readonly string[], account: string): void =>
  write((kept) => {
    for (const [upload, one] of Object.entries(kept))
      if (one.account === account && !uploads.includes(upload)) delete kept[upload];
  });

const lockOf = (upload: string) => `labora.upload.${upload}`;

/** Tells other tabs that this one is at an upload, until the returned function is called or the page is gone. */
export function hold(upload: string): () => void {
  let done = false;
  let release = () => {};
  // Without locks (a page without TLS) another tab may offer to go on with it; the server lets only one get forward.
  if ('locks' in navigator)
    void navigator.locks.request(
      lockOf(upload),
      { ifAvailable: true },
      // Let go before it was granted, it must not be held.
      () => (done ? undefined : new Promise<void>((end) => (release = end))),
    );
  return () => {
    done = true;
    release();
  };
}

/** The uploads that some tab is at. */
export async function held(): Promise<(upload: string) => boolean> {
  const names = 'locks' in navigator ? ((await navigator.locks.query()).held ?? []).map((lock) => lock.name) : [];
  return (upload) => names.includes(lockOf(upload));
}

onSignOut(() => {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Nothing was kept.
  }
});
