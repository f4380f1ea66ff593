import { useEffect, useState } from 'react';
import { type File, api } from '@labora/api';
import { Button, Dialog, Icon, Select, Spinner, TextField, errorText, t } from '@labora/ui';
import type { Folder } from './MoveDialog';
import { PickHead } from './PickHead';
import './dialogs.css';

export interface PickDialogProps {
  title: string;
  onClose: () => void;
  onPick: (fileId: string) => void;
}

type Where = 'drive' | 'shared' | 'recent';

/** The id in a link to a notebook of this server, or null. */
export function idOfLink(text: string): string | null {
  try {
    const url = new URL(text.trim(), location.origin);
    if (url.origin !== location.origin) return null;
    return /^\/drive\/([\w-]+)(\/history)?\/?$/.exec(url.pathname)?.[1] ?? null;
  } catch {
    return null;
  }
}

/** Chooses a notebook: by walking through the drive, among what is shared or recent, or by its link. */
export function PickDialog({ title, onClose, onPick }: PickDialogProps) {
  const [where, setWhere] = useState<Where>('drive');
  const [way, setWay] = useState<Folder[]>([]);
  const [token, setToken] = useState<string | null>(null);
  const [files, setFiles] = useState<File[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [link, setLink] = useState('');
  const [wrong, setWrong] = useState(false);
  const folder = way.at(-1);
  useEffect(() => {
    const control = new AbortController();
    setFiles(null);
    setError(null);
    const place =
      folder || where === 'drive' ? { view: 'drive' as const, folder: folder?.id ?? 'root' } : { view: where };
    api
      .files({ ...place, pageSize: 200 }, control.signal)
      .then((page) => {
        setFiles(page.files);
        setToken(page.nextPageToken ?? null);
      })
      .catch((reason: unknown) => !control.signal.aborted && setError(reason));
    return () => control.abort();
  }, [where, folder]);
  const choices = files?.filter((file) => file.kind === 'folder' || file.kind === 'notebook');
  function more() {
    const place =
      folder || where === 'drive' ? { view: 'drive' as const, folder: folder?.id ?? 'root' } : { view: where };
    if (token === null) return;
    api.files({ ...place, pageSize: 200, pageToken: token }).then((page) => {
      setFiles((known) => [...(known ?? []), ...page.files]);
      setToken(page.nextPageToken ?? null);
    }, setError);
  }
  function pick(id: string) {
    onPick(id);
    onClose();
  }
  function byLink() {
    const id = idOfLink(link);
    if (id === null) setWrong(true);
    else pick(id);
  }
  const shownName = folder?.name ?? t(`drive.view.${where}`);
  return (
    <Dialog
      open
      onClose={onClose}
      title={title}
      onSubmit={byLink}
      footer={
        <>
          <Button onClick={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" disabled={link.trim() === ''}>
            {t('drive.pick.useLink')}
          </Button>
        </>
      }
    >
      <div className="picker">
        <PickHead name={shownName} onUp={way.length > 0 ? () => setWay(way.slice(0, -1)) : null}>
          <Select
            label={t('drive.pick.where')}
            hideLabel
            value={where}
            options={(['drive', 'shared', 'recent'] as const).map((value) => ({
              value,
              label: t(`drive.view.${value}`),
            }))}
            onChange={(next) => {
              setWay([]);
              setWhere(next);
            }}
          />
        </PickHead>
        <ul className="picker-list" aria-label={t('drive.pick.files', { folder: shownName })}>
          {choices?.map((file) => (
            <li key={file.id}>
              <button
                type="button"
                onClick={() =>
                  file.kind === 'folder' ? setWay([...way, { id: file.id, name: file.name }]) : pick(file.id)
                }
              >
                <Icon
                  name={file.kind === 'folder' ? 'folder-fill' : 'data_object'}
                  className={file.kind === 'folder' ? 'picker-folder' : 'picker-notebook'}
                />
                <span className="ui-truncate">{file.name}</span>
                {file.kind === 'folder' && <Icon name="chevron_right" />}
              </button>
            </li>
          ))}
          {choices?.length === 0 && token === null && <li className="picker-note">{t('drive.pick.none')}</li>}
          {files !== null && token !== null && (
            <li>
              <button type="button" onClick={more}>
                <span>{t('drive.pick.more')}</span>
              </button>
            </li>
          )}
          {!files && error === null && (
            <li className="picker-note">
              <Spinner label={t('drive.loading')} />
            </li>
          )}
          {error !== null && <li className="picker-note">{errorText(error)}</li>}
        </ul>
      </div>
      <TextField
        label={t('drive.pick.link')}
        value={link}
        placeholder={`${location.origin}/drive/…`}
        autoComplete="off"
        spellCheck={false}
        error={wrong ? t('drive.pick.badLink') : null}
        onChange={(event) => {
          setLink(event.target.value);
          setWrong(false);
        }}
      />
    </Dialog>
  );
}
