import { useEffect, useState } from 'react';
import { type File, api } from '@labora/api';
import { Button, Dialog, Icon, Spinner, errorText, t, toast } from '@labora/ui';
import { filesChanged } from '../list/changes';
import { PickHead } from './PickHead';
import { foldersIn } from './folders';
import './dialogs.css';

export interface Folder {
  id: string;
  name: string;
}

export interface FolderDialogProps {
  title: string;
  /** What the button says for a folder. */
  action: (folder: Folder) => string;
  /** Folders that cannot be gone into. */
  without?: ReadonlySet<string>;
  onClose: () => void;
  onPick: (to: Folder) => void;
}

/** Chooses a folder, by walking from My Drive; a new one can be made on the way. */
export function FolderDialog({ title, action, without, onClose, onPick }: FolderDialogProps) {
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
  const choices = folders?.filter((folder) => !without?.has(folder.id));
  async function make() {
    try {
      const folder = await api.createFile('folder', t('drive.newFolder.value'), here.id);
      filesChanged();
      setWay([...way, folder]);
    } catch (reason) {
      toast({ kind: 'error', message: errorText(reason) });
    }
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title={title}
      footer={
        <>
          <Button icon="create_new_folder" variant="quiet" className="picker-new" onClick={() => void make()}>
            {t('drive.new.folder')}
          </Button>
          <Button onClick={onClose}>{t('ui.cancel')}</Button>
          <Button
            variant="primary"
            onClick={() => {
              onPick(here);
              onClose();
            }}
          >
            {action(here)}
          </Button>
        </>
      }
    >
      <div className="picker">
        <PickHead name={here.name} onUp={way.length > 1 ? () => setWay(way.slice(0, -1)) : null} />
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

export interface MoveDialogProps {
  files: File[];
  onClose: () => void;
  onMove: (to: Folder) => void;
}

/** Chooses the folder that files go to. */
export function MoveDialog({ files, onClose, onMove }: MoveDialogProps) {
  return (
    <FolderDialog
      title={t('drive.move.title', { count: files.length, name: files[0]?.name ?? '' })}
      action={(folder) => t('drive.move.action', { folder: folder.name })}
      without={new Set(files.map((file) => file.id))}
      onClose={onClose}
      onPick={onMove}
    />
  );
}
