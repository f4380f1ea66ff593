import { useEffect, useState } from 'react';
import { type File, api } from '@labora/api';
import { Icon, Link, classes, t } from '@labora/ui';
import { type Place, useDropTarget } from './list/drag';
import { onFilesChanged } from './list/changes';

export interface Way {
  id: string;
  /** The folders above, the highest first, as far as they may be read. */
  above: File[];
  folder: File | null;
}

/** The folders from My Drive (or from what is shared) down to this one. */
export function useWay(folderId: string | null): Way | null {
  const [way, setWay] = useState<Way | null>(null);
  useEffect(() => {
    if (folderId === null) return;
    const control = new AbortController();
    const ask = () =>
      Promise.all([api.ancestors(folderId, control.signal), api.file(folderId, control.signal)])
        .then(([above, folder]) => setWay({ id: folderId, above, folder }))
        // The list below says what is wrong with this folder.
        .catch(() => undefined);
    void ask();
    const stop = onFilesChanged(() => void ask());
    return () => {
      stop();
      control.abort();
    };
  }, [folderId]);
  return way?.id === folderId ? way : null;
}

/** One folder up, or My Drive, or what is shared. */
export function upFrom(way: Way | null): string | null {
  if (!way?.folder) return null;
  const parent = way.above.findLast((folder) => folder.id !== way.id);
  if (!parent) return '/shared';
  return parent.parent_id === null ? '/' : `/folders/${parent.id}`;
}

function Crumb({ href, name, place, label }: { href: string; name: string; place: Place | null; label?: string }) {
  const drop = useDropTarget(place);
  return (
    <Link
      href={href}
      className={classes('crumb ui-truncate', drop.over && 'drop-over')}
      aria-label={label}
      draggable={false}
      {...drop.handlers}
    >
      {name}
    </Link>
  );
}

/** The way to this folder, on whose steps files can be dropped; long ways fold in the middle. */
export function Crumbs({ way }: { way: Way | null }) {
  // My Drive itself is the highest ancestor of one's own files: it has no parent.
  const above = way ? way.above.filter((folder) => folder.parent_id !== null && folder.id !== way.id) : [];
  const mine = way ? way.above.some((folder) => folder.parent_id === null) : true;
  const shown = above.slice(-2);
  const hidden = above.length > shown.length ? above.at(-3) : undefined;
  const placeOf = (folder: File): Place | null =>
    folder.abilities.includes('edit') ? { kind: 'folder', id: folder.id, name: folder.name } : null;
  return (
    <nav className="crumbs" aria-label={t('drive.crumbs')}>
      <Crumb
        href={mine ? '/' : '/shared'}
        name={t(mine ? 'drive.view.drive' : 'drive.view.shared')}
        place={mine ? { kind: 'folder', id: 'root', name: t('drive.view.drive') } : null}
      />
      {hidden && (
        <span className="crumb-step">
          <Icon name="chevron_right" size={20} />
          <Crumb href={`/folders/${hidden.id}`} name="…" place={placeOf(hidden)} label={t('drive.crumbsMore')} />
        </span>
      )}
      {shown.map((folder) => (
        <span key={folder.id} className="crumb-step">
          <Icon name="chevron_right" size={20} />
          <Crumb href={`/folders/${folder.id}`} name={folder.name} place={placeOf(folder)} />
        </span>
      ))}
      <Icon name="chevron_right" size={20} />
      <h1 className="ui-truncate">{way?.folder?.name ?? '…'}</h1>
    </nav>
  );
}
