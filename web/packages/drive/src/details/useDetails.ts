/** What the details of a file need beside what its list told. */
import { useEffect, useState } from 'react';
import { type File, type FolderContents, type Permission, type Revision, api } from '@labora/api';
import { onFilesChanged } from '../list/changes';

export interface Details {
  /** The folders above, the highest first. */
  above: File[] | null;
  contents: FolderContents | null;
  /** Null while it is not known, or not for the asker to know. */
  permissions: Permission[] | null;
  revisions: Revision[] | null;
}

const none: Details = { above: null, contents: null, permissions: null, revisions: null };
const REVISIONS = 5;

export function useDetails(file: File): Details {
  const [state, setState] = useState<Details & { id: string }>({ id: file.id, ...none });
  const can = (ability: File['abilities'][number]) => file.abilities.includes(ability);
  const shares = can('share');
  const history = can('read_history') && (file.kind === 'notebook' || file.kind === 'file');
  const { id, kind } = file;
  useEffect(() => {
    const control = new AbortController();
    const { signal } = control;
    setState((before) => (before.id === id ? before : { id, ...none }));
    const put = (some: Partial<Details>) => {
      if (!signal.aborted) setState((before) => (before.id === id ? { ...before, ...some } : { id, ...none, ...some }));
    };
    // What cannot be known is left out; the list says what is wrong when nothing can.
    const ignore = () => undefined;
    // Whoever goes through a list with the arrows does not want all of it asked for at each step.
    const ask = () => {
      api.ancestors(id, signal).then((above) => put({ above: above.filter((one) => one.id !== id) }), ignore);
      if (kind === 'folder') api.contents(id, signal).then((contents) => put({ contents }), ignore);
      if (shares) api.permissions(id).then((permissions) => put({ permissions }), ignore);
      if (history)
        api
          .revisions(id, undefined, signal)
          .then((page) => put({ revisions: page.revisions.slice(0, REVISIONS) }), ignore);
    };
    let timer = setTimeout(ask, 120);
    const stop = onFilesChanged(() => {
      clearTimeout(timer);
      timer = setTimeout(ask, 120);
    });
    return () => {
      stop();
      clearTimeout(timer);
      control.abort();
    };
  }, [id, kind, shares, history]);
  return state.id === id ? state : none;
}
