/** Finds out who is signed in before the first page shows, and sends to the right page when nobody is. */
import { useCallback, useEffect, useState } from 'react';
import { api, isApiError, onSignedOut } from '@labora/api';
import { loginAddress, onSignOut, rememberAccount, rememberedAccount, setAccount } from '@labora/drive/shell';
import { matchPath, navigate } from '@labora/ui';

/** `guest`: nobody is signed in, and the file at this address is open to anyone with the link. */
export type Start = 'asking' | 'ready' | 'guest' | 'signed-out' | 'not-set-up' | 'offline';

// What this browser keeps of notebooks belongs to whoever was signed in.
onSignOut(async () => (await import('@labora/document')).clearKept());

/** Where to go after signing in: an address of this app and no other. */
export function nextAddress(search: string): string {
  const next = new URLSearchParams(search).get('next') ?? '/';
  const url = URL.parse ? URL.parse(next, location.origin) : new URL(next, location.origin);
  return url?.origin === location.origin && !url.pathname.startsWith('//') ? url.pathname + url.search + url.hash : '/';
}

export function toLogin(): void {
  navigate(loginAddress(), { replace: true });
}

/** Whether the page is of a file that can be looked at without signing in. */
async function openByLink(): Promise<boolean> {
  const file = matchPath('/drive/:id', location.pathname)?.['id'];
  return file !== undefined && (await api.file(file).catch(() => null)) !== null;
}

export function useStart(isPublic: boolean): Start {
  const [start, setStart] = useState<Start>('asking');
  const ask = useCallback(async () => {
    try {
      const account = await api.me();
      setAccount(account);
      rememberAccount(account);
      setStart('ready');
    } catch (error) {
      if (!isApiError(error) || error.status !== 401) {
        setAccount(rememberedAccount());
        return setStart('offline');
      }
      setAccount(null);
      rememberAccount(null);
      if (await openByLink()) return setStart('guest');
      const instance = await api.instance().catch(() => null);
      setStart(instance?.setup_needed ? 'not-set-up' : 'signed-out');
    }
  }, []);

  useEffect(() => {
    // On a page that needs nobody signed in the question is open again: signing in happens there.
    if (isPublic) return setStart('asking');
    setStart((before) => (before === 'ready' ? before : 'asking'));
    void ask();
  }, [isPublic, ask]);

  useEffect(() => {
    if (start !== 'offline') return;
    const timer = setTimeout(() => void ask(), 3000);
    return () => clearTimeout(timer);
  });

  useEffect(() => onSignedOut(() => setStart((before) => (before === 'ready' ? 'signed-out' : before))), []);
  useEffect(() => {
    if (start === 'signed-out' && !isPublic) toLogin();
  }, [start, isPublic]);
  return start;
}
