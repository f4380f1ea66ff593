import { useEffect, useState } from 'react';
import { type File, api } from '@labora/api';
import { Icon, Link, t } from '@labora/ui';

interface Path {
  id: string;
  above: File[];
  folder: File | null;
}

/** The way from My Drive (or from what is shared) to this folder; long ways fold in the middle. */
export function Crumbs({ folderId, onName }: { folderId: string; onName: (name: string) => void }) {
  const [path, setPath] = useState<Path>({ id: folderId, above: [], folder: null });
  useEffect(() => {
    const control = new AbortController();
    Promise.all([api.ancestors(folderId, control.signal), api.file(folderId, control.signal)])
      .then(([above, folder]) => {
        setPath({ id: folderId, above, folder });
        onName(folder.name);
      })
      // The list below says what is wrong with this folder.
      .catch(() => undefined);
    return () => control.abort();
  }, [folderId, onName]);
  const known = path.id === folderId ? path.folder : null;
  // My Drive itself is the highest ancestor of one's own files: it has no parent.
  const above = known ? path.above.filter((folder) => folder.parent_id !== null && folder.id !== folderId) : [];
  const mine = known ? path.above.some((folder) => folder.parent_id === null) : true;
  const shown = above.slice(-2);
  return (
    <nav className="crumbs" aria-label={t('drive.crumbs')}>
      <Link href={mine ? '/' : '/shared'} className="crumb">
        {t(mine ? 'drive.view.drive' : 'drive.view.shared')}
      </Link>
      {above.length > shown.length && (
        <>
          <Icon name="chevron_right" size={20} />
          <Link href={`/folders/${above.at(-3)?.id ?? ''}`} className="crumb" aria-label={t('drive.crumbsMore')}>
            …
          </Link>
        </>
      )}
      {shown.map((folder) => (
        <span key={folder.id} className="crumb-step">
          <Icon name="chevron_right" size={20} />
          <Link href={`/folders/${folder.id}`} className="crumb ui-truncate">
            {folder.name}
          </Link>
        </span>
      ))}
      <Icon name="chevron_right" size={20} />
      <h1 className="ui-truncate">{known?.name ?? '…'}</h1>
    </nav>
  );
}
