/**
 * One list of files, of which only the pages that were asked for are here: a folder may hold a hundred thousand.
 * Changes made here show at once and are confirmed by a quiet reload.
 */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { type File, type ListQuery, api, isApiError } from '@labora/api';
import { rememberKinds } from '../shell';
import { onFilesChanged, onFilesGone } from './changes';
import { type Pages, PAGE, collect, drop, fileAt, keep, loaded, place, put } from './pages';

export interface Listing {
  status: 'loading' | 'ready' | 'failed';
  /** Of all pages, whether they are here or not. */
  total: number;
  /** Whether every item is here. */
  whole: boolean;
  at: (index: number) => File | undefined;
  /** Those that are here, in order. */
  files: File[];
  error: unknown;
  /** The items that are in sight; what of them is missing gets loaded. */
  show: (from: number, to: number) => void;
  /** Loads items, and answers those of them that there are. Rejects when that fails or is stopped. */
  load: (from: number, to: number, signal?: AbortSignal, progress?: (count: number) => void) => Promise<File[]>;
  reload: () => void;
  /** Shows a change before the server confirms it. */
  put: (file: File) => void;
}

interface State {
  key: string;
  status: Listing['status'];
  pages: Pages;
  total: number;
  error: unknown;
}

const BIG = 1000;

const fresh = (key: string): State => ({ key, status: 'loading', pages: new Map(), total: 0, error: null });

/** Asks for items from a place on: behind the page before where that is here, for then nothing comes twice. */
async function ask(query: ListQuery, pages: Pages, from: number, size: number, signal: AbortSignal) {
  const token = from > 0 ? pages.get(from / PAGE - 1)?.next : undefined;
  const page = await api.files(
    { ...query, pageSize: size, ...(token ? { pageToken: token } : from > 0 ? { skip: from } : {}) },
    signal,
  );
  rememberKinds(page.files);
  return page;
}

export function useListing(query: ListQuery): Listing {
  const key = JSON.stringify(query);
  const [state, setState] = useState(() => fresh(key));
  const latest = useRef(state);
  latest.current = state.key === key ? state : fresh(key);
  const control = useRef(new AbortController());
  const asked = useRef(new Set<number>());
  const sight = useRef<[from: number, to: number]>([0, 0]);

  /** Ends what is under way. */
  const renew = useCallback(() => {
    control.current.abort();
    asked.current.clear();
    return (control.current = new AbortController());
  }, []);

  /** Loads the beginning, and what is in sight, anew. A quiet load that fails leaves what is shown. */
  const load = useCallback(
    async (quiet: boolean) => {
      const mine = renew();
      const question = JSON.parse(key) as ListQuery;
      try {
        const first = await ask(question, new Map(), 0, PAGE, mine.signal);
        const pages: Pages = place(new Map(), 0, first.files, first.nextPageToken);
        let total = first.files.length;
        if (first.nextPageToken) {
          const before = latest.current.total;
          if (!quiet) setState({ key, status: 'ready', pages, total: Math.max(before, total), error: null });
          total = await api.countFiles(question, mine.signal);
          if (quiet)
            for (let from = Math.max(PAGE, place.start(sight.current[0])); from < sight.current[1]; from += PAGE) {
              const page = await ask(question, pages, from, PAGE, mine.signal);
              place(pages, from, page.files, page.nextPageToken);
            }
        }
        const more = !quiet && first.nextPageToken !== null;
        setState((before) => ({
          key,
          status: 'ready',
          pages: more ? keep(pages, before.pages) : pages,
          total,
          error: null,
        }));
      } catch (error) {
        if (mine.signal.aborted) return;
        const have = latest.current;
        const stays = quiet && have.status === 'ready' && !isApiError(error, 'no_such_file');
        if (!stays) setState({ ...fresh(key), status: 'failed', error });
      }
    },
    [key, renew],
  );

  useEffect(() => {
    setState((before) => (before.key === key ? before : fresh(key)));
    sight.current = [0, 0];
    void load(false);
    return () => control.current.abort();
  }, [key, load]);

  useEffect(() => {
    const stops = [
      onFilesGone((gone) => {
        // What is under way was asked before, and would bring them back.
        renew();
        setState((before) => {
          const [pages, count] = drop(before.pages, gone);
          return count ? { ...before, pages, total: Math.max(0, before.total - count) } : before;
        });
      }),
      onFilesChanged(() => void load(true)),
    ];
    const seen = () => document.visibilityState === 'visible' && void load(true);
    document.addEventListener('visibilitychange', seen);
    return () => {
      for (const stop of stops) stop();
      document.removeEventListener('visibilitychange', seen);
    };
  }, [load, renew]);

  const show = useCallback(
    (from: number, to: number) => {
      sight.current = [from, to];
      const { pages, total, status } = latest.current;
      if (status !== 'ready') return;
      const { signal } = control.current;
      for (let start = place.start(from); start < Math.min(to, total); start += PAGE) {
        if (pages.has(start / PAGE) || asked.current.has(start)) continue;
        asked.current.add(start);
        ask(JSON.parse(key) as ListQuery, pages, start, PAGE, signal)
          .then((page) => {
            if (signal.aborted) return;
            setState((before) => ({
              ...before,
              pages: place(new Map(before.pages), start, page.files, page.nextPageToken),
            }));
          })
          // The next scroll asks again.
          .catch(() => undefined)
          .finally(() => asked.current.delete(start));
      }
    },
    [key],
  );

  const loadRange = useCallback<Listing['load']>(
    async (from, to, signal = control.current.signal, progress) => {
      const pages: Pages = new Map(latest.current.pages);
      const question = JSON.parse(key) as ListQuery;
      const end = Math.min(to, latest.current.total);
      for (let start = place.start(from); start < end; start += PAGE) {
        if (!pages.has(start / PAGE)) {
          const page = await ask(question, pages, start, BIG, signal);
          for (let cut = 0; cut < page.files.length; cut += PAGE) {
            const last = cut + PAGE >= page.files.length;
            place(pages, start + cut, page.files.slice(cut, cut + PAGE), last ? page.nextPageToken : undefined);
          }
          if (page.files.length === 0) break;
        }
        progress?.(Math.min(end, start + PAGE) - from);
      }
      setState((before) => (before.key === key ? { ...before, pages: keep(before.pages, pages) } : before));
      return collect(pages, from, end);
    },
    [key],
  );

  const shown = state.key === key ? state : fresh(key);
  const files = useMemo(() => loaded(shown.pages), [shown.pages]);
  return {
    status: shown.status,
    total: shown.total,
    whole: files.length >= shown.total,
    files,
    error: shown.error,
    at: (index) => fileAt(shown.pages, index),
    show,
    load: loadRange,
    reload: useCallback(() => void load(false), [load]),
    put: useCallback((file: File) => setState((before) => ({ ...before, pages: put(before.pages, file) })), []),
  };
}
