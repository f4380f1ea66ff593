/** What the account stores and may store; asked again whenever files changed. */
import { useEffect, useState } from 'react';
import { type About, api } from '@labora/api';
import { onFilesChanged } from '../list/useListing';

/** Many files often change one after the other. */
const WAIT_MS = 1500;

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
    let timer: ReturnType<typeof setTimeout> | undefined;
    const off = onFilesChanged(() => {
      clearTimeout(timer);
      timer = setTimeout(ask, WAIT_MS);
    });
    return () => {
      clearTimeout(timer);
      control.abort();
      off();
    };
  }, []);
  return about;
}
