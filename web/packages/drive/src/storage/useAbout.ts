/** What the account stores and may store; asked again whenever files changed. */
import { useEffect, useState } from 'react';
import { type About, api } from '@labora/api';
import { onFilesChanged } from '../list/useListing';

export function useAbout(): About | null {
  const [about, setAbout] = useState<About | null>(null);
  useEffect(() => {
    const control = new AbortController();
    const ask = () =>
      void api.about(control.signal).then(
        (found) => control.signal.aborted || setAbout(found),
        () => undefined, // an older answer, or none, is shown until the next question
      );
    ask();
    const off = onFilesChanged(ask);
    return () => {
      control.abort();
      off();
    };
  }, []);
  return about;
}
