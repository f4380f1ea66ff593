/** One list of files with its pages; changes made here show at once and are confirmed by a quiet reload. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { type File, type ListQuery, api, isApiError } from '@labora/api';
import { rememberKinds } from '../shell';

export interface Listing {
  status: 'loading' | 'ready' | 'failed';
  files: File[];
  error: unknown;
  /** True when there are further pages. */
  more: boolean;
  loadMore: () => void;
  reload: () => void;
  /** Shows a change before the server confirms it. */
  put: (file: File) => void;
  drop: (ids: string[]) => void;
}

interface State {
  key: string;
  status: Listing['status'];
  files: File[];
  token: string | null;
  error: unknown;
}

const PAGE = 200;
const changes = new Set<() => void>();

/** Tells every list on the page that something changed on the server. */
export function filesChanged(): void {
  for (const listener of changes) listener();
}

/** Calls back after each such change. */
export function onFilesChanged(listener: () => void): () => void {
  changes.add(listener);
  return () => changes.delete(listener);
}

export function useListing(query: ListQuery): Listing {
  const key = JSON.stringify(query);
  const [state, setState] = useState<State>({ key, status: 'loading', files: [], token: null, error: null });
  const latest = useRef(state);
  latest.current = state;
  const request = useRef<AbortController | null>(null);

  const load = useCallback(
    async (mode: 'first' | 'quiet' | 'next') => {
      const have = latest.current.key === key ? latest.current : null;
      if (mode === 'next' && (!have?.token || request.current)) return;
      request.current?.abort();
      const controller = new AbortController();
      request.current = controller;
      const asked: ListQuery = JSON.parse(key) as ListQuery;
      asked.pageSize = mode === 'quiet' ? Math.min(1000, Math.max(PAGE, have?.files.length ?? 0)) : PAGE;
      if (mode === 'next' && have?.token) asked.pageToken = have.token;
      try {
        const page = await api.files(asked, controller.signal);
        rememberKinds(page.files);
        setState((before) => ({
          key,
          status: 'ready',
          files: mode === 'next' ? [...before.files, ...page.files] : page.files,
          token: page.nextPageToken,
          error: null,
        }));
      } catch (error) {
        if (controller.signal.aborted) return;
        // A quiet reload that fails leaves what is shown; the next one may do better.
        const keep = mode !== 'first' && have?.status === 'ready' && !isApiError(error, 'not_found');
        if (!keep) setState({ key, status: 'failed', files: [], token: null, error });
      } finally {
        if (request.current === controller) request.current = null;
      }
    },
    [key],
  );

  useEffect(() => {
    setState((before) =>
      before.key === key ? before : { key, status: 'loading', files: [], token: null, error: null },
    );
    void load('first');
    return () => request.current?.abort();
  }, [key, load]);

  useEffect(() => {
    const refresh = () => void load('quiet');
    const seen = () => document.visibilityState === 'visible' && refresh();
    changes.add(refresh);
    document.addEventListener('visibilitychange', seen);
    return () => {
      changes.delete(refresh);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [load]);

  const shown = state.key === key ? state : { status: 'loading' as const, files: [], token: null, error: null };
  return {
    status: shown.status,
    files: shown.files,
    error: shown.error,
    more: shown.token !== null,
    loadMore: useCallback(() => void load('next'), [load]),
    reload: useCallback(() => void load('first'), [load]),
    put: useCallback(
      (file: File) =>
        setState((before) => ({ ...before, files: before.files.map((one) => (one.id === file.id ? file : one)) })),
      [],
    ),
    drop: useCallback((ids: string[]) => {
      const gone = new Set(ids);
      setState((before) => ({ ...before, files: before.files.filter((file) => !gone.has(file.id)) }));
    }, []),
  };
}
