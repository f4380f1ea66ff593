/** What the pages ask the server for. */
import { useCallback, useEffect, useState } from 'react';
import { api, type Revision } from '@labora/api';

export type Loaded<T> = { state: 'loading' } | { state: 'failed'; error: unknown } | { state: 'ready'; value: T };

/** Loads again whenever `key` changes; null loads nothing. `again` tries once more. */
export function useLoaded<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
): { loaded: Loaded<T>; again: () => void } {
  const [found, setFound] = useState<{ key: string | null; loaded: Loaded<T> }>({ key, loaded: { state: 'loading' } });
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (key === null) return;
    const control = new AbortController();
    setFound({ key, loaded: { state: 'loading' } });
    load(control.signal).then(
      (value) => !control.signal.aborted && setFound({ key, loaded: { state: 'ready', value } }),
      (error: unknown) => !control.signal.aborted && setFound({ key, loaded: { state: 'failed', error } }),
    );
    return () => control.abort();
    // `load` is told by `key`.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [key, tries]);
  return {
    // What belongs to another key is not shown for a moment under this one.
    loaded: found.key === key ? found.loaded : { state: 'loading' },
    again: useCallback(() => setTries((count) => count + 1), []),
  };
}

export interface Revisions {
  list: Revision[] | null;
  error: unknown;
  /** There are older ones. */
  more: boolean;
  loadMore: () => Promise<void>;
  /** Asks for the newest ones again and returns them. */
  reload: () => Promise<Revision[]>;
  /** Puts a revision that changed in its place. */
  replace: (revision: Revision) => void;
}

export function useRevisions(fileId: string): Revisions {
  const [list, setList] = useState<Revision[] | null>(null);
  const [token, setToken] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);
  const reload = useCallback(async () => {
    const page = await api.revisions(fileId);
    setList(page.revisions);
    setToken(page.nextPageToken);
    setError(null);
    return page.revisions;
  }, [fileId]);
  useEffect(() => {
    setList(null);
    setError(null);
    reload().catch(setError);
  }, [reload]);
  const loadMore = useCallback(async () => {
    if (token === null) return;
    const page = await api.revisions(fileId, token);
    setList((known) => [...(known ?? []), ...page.revisions]);
    setToken(page.nextPageToken);
  }, [fileId, token]);
  const replace = useCallback(
    (revision: Revision) => setList((known) => known?.map((one) => (one.id === revision.id ? revision : one)) ?? known),
    [],
  );
  return { list, error, more: token !== null, loadMore, reload, replace };
}
