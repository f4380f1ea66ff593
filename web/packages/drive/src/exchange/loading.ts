import { useCallback, useEffect, useState } from 'react';

export type Loaded<T> = { state: 'loading' } | { state: 'ready'; value: T } | { state: 'failed'; error: unknown };

/** What `load` gives for this key, again whenever the key changes; null loads nothing. */
export function useLoaded<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>) {
  const [loaded, setLoaded] = useState<Loaded<T>>({ state: 'loading' });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (key === null) return;
    const control = new AbortController();
    setLoaded({ state: 'loading' });
    load(control.signal).then(
      (value) => !control.signal.aborted && setLoaded({ state: 'ready', value }),
      (error: unknown) => !control.signal.aborted && setLoaded({ state: 'failed', error }),
    );
    return () => control.abort();
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- the key stands for what is loaded
  }, [key, turn]);
  return { loaded, again: useCallback(() => setTurn((now) => now + 1), []) };
}
