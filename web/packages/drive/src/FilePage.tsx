import { lazy, Suspense, useEffect, useState } from 'react';
import { type File, api, isApiError } from '@labora/api';
import { Button, EmptyState, Spinner, errorText, formatBytes, formatDateTime, navigate, t } from '@labora/ui';
import { FileIcon } from './list/FileIcon';
import * as actions from './list/actions';
import { ShareDialog } from './dialogs/ShareDialog';
import { NoAccess } from './share/NoAccess';
import { TopBar, useAccount } from './shell';
import './messages';
import './drive.css';

const FileComments = lazy(async () => ({ default: (await import('./comments')).FileComments }));

/** A file that is no notebook: what it is, and how to get it. */
export function FilePage({ fileId }: { fileId: string }) {
  const account = useAccount();
  const [file, setFile] = useState<File | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [sharing, setSharing] = useState(false);
  useEffect(() => {
    const control = new AbortController();
    api
      .file(fileId, control.signal)
      .then((found) => {
        // A folder has a page of its own, and a shortcut is followed.
        const link = found.kind === 'folder' || found.kind === 'shortcut' ? actions.linkTo(found) : null;
        if (link) navigate(link, { replace: true });
        else setFile(found);
      })
      .catch((reason: unknown) => !control.signal.aborted && setError(reason));
    return () => control.abort();
  }, [fileId]);
  useEffect(() => {
    if (file) document.title = t('app.title', { page: file.name });
  }, [file]);
  return (
    <>
      <TopBar />
      <main className="file-page" id="main">
        {isApiError(error) && error.status === 404 && <NoAccess fileId={fileId} />}
        {error !== null && !(isApiError(error) && error.status === 404) && (
          <EmptyState
            icon="draft"
            title={t('file.gone')}
            actions={<Button onClick={() => navigate('/')}>{t('app.home')}</Button>}
          >
            {errorText(error)}
          </EmptyState>
        )}
        {!file && error === null && <Spinner size={28} label={t('drive.loading')} />}
        {file && (
          <>
            <div className="file-page-head">
              <FileIcon file={file} />
              <h1>{file.name}</h1>
              <div className="file-page-actions">
                {file.abilities.includes('share') && (
                  <Button icon="person_add" onClick={() => setSharing(true)}>
                    {t('drive.action.share')}
                  </Button>
                )}
                {actions.opensAsNotebook(file) && (
                  <Button icon="data_object" onClick={() => void actions.openAsNotebook(file)}>
                    {t('drive.action.asNotebook')}
                  </Button>
                )}
                {file.kind !== 'shortcut' && (
                  <Button variant="primary" icon="download" onClick={() => actions.download([file])}>
                    {t('drive.action.download')}
                  </Button>
                )}
              </div>
            </div>
            <dl className="file-facts">
              <div>
                <dt>{t('file.type')}</dt>
                <dd>{file.media_type ?? t('file.unknownType')}</dd>
              </div>
              <div>
                <dt>{t('drive.column.size')}</dt>
                <dd>{formatBytes(file.size ?? 0)}</dd>
              </div>
              <div>
                <dt>{t('drive.column.owner')}</dt>
                <dd>{file.owner.name}</dd>
              </div>
              <div>
                <dt>{t('drive.column.modified')}</dt>
                <dd>
                  {formatDateTime(file.modified_at)}
                  {file.modified_by && ` ${t('drive.by', { name: file.modified_by.name })}`}
                </dd>
              </div>
            </dl>
            <p className="drive-note">
              {file.kind === 'shortcut' ? t('files.shortcut.broken', { name: file.name }) : t('file.note')}
            </p>
            {/* Who looks by a link without an account reads no comments. */}
            {account && (
              <Suspense fallback={null}>
                <FileComments file={file} />
              </Suspense>
            )}
            {sharing && <ShareDialog file={file} onClose={() => setSharing(false)} />}
          </>
        )}
      </main>
    </>
  );
}
