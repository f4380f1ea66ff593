/** The results of one search with its pages. An answer that comes late, after another question, is not shown. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { type SearchPage, type SearchQuery, type SearchResult, api } from '@labora/api';
import { rememberKinds } from '../shell';

interface State {
  status: 'loading' | 'ready' | 'failed';
  /** The question that `results` answer. */
  key: string;
  results: SearchResult[];
  token: string | null;
  catchingUp: boolean;
  error: unknown;
}

export interface Results extends Omit<State, 'key' | 'token'> {
  /** A newer question is being asked: the results are of the one before. */
  old: boolean;
  more: boolean;
  loadMore: () => void;
  reload: () => void;
}

export function useResults(query: SearchQuery): Results {
  const key = JSON.stringify(query);
  const [state, setState] = useState<State>({
    status: 'loading',
    key,
    results: [],
    token: null,
    catchingUp: false,
    error: null,
  });
  const control = useRef<AbortController>(undefined);
  const ask = useCallback(
    async (token: string | null) => {
      control.current?.abort();
      const mine = new AbortController();
      control.current = mine;
      const question = JSON.parse(key) as SearchQuery;
      try {
        const page: SearchPage = await api.search(token ? { ...question, pageToken: token } : question, mine.signal);
        rememberKinds(page.results.map((found) => found.file));
        setState((before) => ({
          status: 'ready',
          key,
          results: token ? [...before.results, ...page.results] : page.results,
          token: page.nextPageToken,
          catchingUp: page.catching_up,
          error: null,
        }));
      } catch (error) {
        if (!mine.signal.aborted) setState((before) => ({ ...before, status: 'failed', key, error }));
      }
    },
    [key],
  );
  useEffect(() => {
    void ask(null);
    return () => control.current?.abort();
  }, [ask]);
  return {
    ...state,
    old: state.key !== key,
    more: state.token !== null,
    loadMore: () => void ask(state.token),
    reload: () => void ask(null),
  };
}
