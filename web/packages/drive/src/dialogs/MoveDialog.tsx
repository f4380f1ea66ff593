import { useEffect, useState } from 'react';
import { type File, api } from '@labora/api';
import { Button, Dialog, Icon, IconButton, Spinner, errorText, t } from '@labora/ui';
import './dialogs.css';

export interface Folder {
  id: string;
  name: string;
}

export interface MoveDialogProps {
  files: File[];
  onClose: () => void;
  onMove: (to: Folder) => void;
}

/** Folders come first in this order, so the first other kind ends the search for more. */
async function foldersIn(folder: string, signal: AbortSignal): Promise<File[]> {
  const found: File[] = [];
  let pageToken: string | undefined;
  do {
    const page = await api.files(
      { view: 'drive', folder, orderBy: 'folder,name', pageSize: 200, ...(pageToken ? { pageToken } : {}) },
      signal,
    );
    const folders = page.files.filter((file) => file.kind === 'folder');
    found.push(...folders);
    pageToken = folders.length === page.files.length && page.nextPageToken ? page.nextPageToken : undefined;
  } while (pageToken);
  return found;
}

/** Chooses the folder that files go to, by walking from My Drive. */
export function MoveDialog({ files, onClose, onMove }: MoveDialogProps) {
  const [way, setWay] = useState<Folder[]>([{ id: 'root', name: t('drive.view.drive') }]);
  const [folders, setFolders] = useState<File[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const here = way.at(-1) ?? { id: 'root', name: t('drive.view.drive') };
  useEffect(() => {
    const control = new AbortController();
    setFolders(null);
    setError(null);
    foldersIn(here.id, control.signal)
      .then(setFolders)
      .catch((reason: unknown) => !control.signal.aborted && setError(reason));
    return () => control.abort();
  }, [here.id]);
  const moved = new Set(files.map((file) => file.id));
  const choices = folders?.filter((folder) => !moved.has(folder.id));
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('drive.move.title', { count: files.length, name: files[0]?.name ?? '' })}
      footer={
        <>
          <Button onClick={onClose}>{t('ui.cancel')}</Button>
          <Button
            variant="primary"
            onClick={() => {
              onMove(here);
              onClose();
            }}
          >
            {t('drive.move.action', { folder: here.name })}
          </Button>
        </>
      }
    >
      <div className="picker">
        <div className="picker-head">
          <IconButton
            size="sm"
            icon="arrow_back"
            label={t('drive.move.up')}
            disabled={way.length === 1}
            onClick={() => setWay(way.slice(0, -1))}
          />
          <strong className="ui-truncate">{here.name}</strong>
        </div>
        <ul className="picker-list" aria-label={t('drive.move.folders', { folder: here.name })}>
          {choices?.map((folder) => (
            <li key={folder.id}>
              <button type="button" onClick={() => setWay([...way, folder])}>
                <Icon name="folder-fill" className="picker-folder" />
                <span className="ui-truncate">{folder.name}</span>
                <Icon name="chevron_right" />
              </button>
            </li>
          ))}
          {choices?.length === 0 && <li className="picker-note">{t('drive.move.none')}</li>}
          {!folders && error === null && (
            <li className="picker-note">
              <Spinner label={t('drive.loading')} />
            </li>
          )}
          {error !== null && <li className="picker-note">{errorText(error)}</li>}
        </ul>
      </div>
    </Dialog>
  );
}
