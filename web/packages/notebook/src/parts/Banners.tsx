/** What went wrong or is different, and the next step. */
import { useEffect, useState } from 'react';
import { api } from '@labora/api';
import { Banner, Button, copyText, IconButton, t, toast } from '@labora/ui';
import { useController, useStatus, useStore } from '../model/context';
import { asking, commandOf } from '../model/commands';
import { PlaygroundBanner, PlaygroundOffer } from '../private/PlaygroundBanner';
import { canPlay } from '../private/playground';
import { RuntimeBanners } from './RuntimeBanners';

function ReadOnly() {
  const controller = useController();
  const { abilities, readOnlyReason, loaded, file, account } = useStatus();
  if (!loaded || (readOnlyReason === null && abilities.includes('edit'))) return null;
  // Its owner may always edit, except from the trash.
  if (file?.role === 'owner' && readOnlyReason === null) {
    const restore = () => void asking(() => api.changeFile(controller.fileId, { trashed: false }));
    return (
      <Banner
        kind="warn"
        actions={
          <Button size="sm" icon="restore_from_trash" onClick={restore}>
            {t('notebook.banner.restore')}
          </Button>
        }
      >
        {t('notebook.banner.inTrash')}
      </Banner>
    );
  }
  const actions = (
    <>
      {readOnlyReason === null && <PlaygroundOffer />}
      {abilities.includes('copy') && readOnlyReason === null && (
        <Button size="sm" onClick={() => commandOf('file.copy').run(controller)}>
          {t('notebook.banner.copy')}
        </Button>
      )}
      {abilities.includes('download') && readOnlyReason !== null && (
        <a className="ui-button ui-button-secondary ui-button-sm" href={api.downloadUrl(controller.fileId)} download>
          {t('notebook.banner.download')}
        </a>
      )}
    </>
  );
  return readOnlyReason === null ? (
    <Banner actions={actions}>
      {t(
        account?.id.startsWith('guest-')
          ? 'private.playground.signIn'
          : canPlay(controller)
            ? 'private.playground.readOnly'
            : 'notebook.banner.readOnly',
      )}
    </Banner>
  ) : (
    <Banner kind="warn" title={t('notebook.banner.readOnlyFile')} actions={actions}>
      {readOnlyReason}
    </Banner>
  );
}

function Refused() {
  const { client } = useController();
  const refused = useStore(client.refused);
  if (!refused) return null;
  const { drafts } = refused;
  async function copy() {
    const text = drafts.map((draft) => draft.source).join('\n\n');
    if (await copyText(text)) toast({ message: t('notebook.banner.copied'), kind: 'ok' });
  }
  return (
    <Banner
      kind="error"
      title={t('notebook.banner.refused')}
      actions={
        <>
          {refused.drafts.length > 0 && (
            <Button size="sm" onClick={() => void copy()}>
              {t('notebook.banner.copyEdits')}
            </Button>
          )}
          <IconButton
            size="sm"
            icon="close"
            label={t('notebook.banner.dismiss')}
            onClick={() => client.refused.set(null)}
          />
        </>
      }
    >
      {t('notebook.banner.refusedText', { message: refused.notice.message })}
    </Banner>
  );
}

function Storage() {
  const { storage } = useStatus();
  if (storage.ok) return null;
  return (
    <Banner kind="error" title={t('notebook.banner.storage')}>
      {storage.message || t('notebook.saveHelp.storage-full')}
    </Banner>
  );
}

/** Shown only after a while: a short break heals by itself. */
function Offline() {
  const { client } = useController();
  const { connection } = useStatus();
  const [long, setLong] = useState(false);
  useEffect(() => {
    setLong(false);
    if (connection !== 'offline') return;
    const timer = setTimeout(() => setLong(true), 3000);
    return () => clearTimeout(timer);
  }, [connection]);
  if (!long) return null;
  return (
    <Banner
      kind="warn"
      title={t('notebook.save.offline')}
      actions={
        <Button size="sm" onClick={() => client.wake()}>
          {t('notebook.banner.retry')}
        </Button>
      }
    >
      {t('notebook.saveHelp.offline')}
    </Banner>
  );
}

export function Banners() {
  const { client } = useController();
  const notice = useStore(client.notice);
  useEffect(() => {
    if (notice) toast({ message: notice.message });
  }, [notice]);
  return (
    <div className="nb-banners">
      <ReadOnly />
      <PlaygroundBanner />
      <Storage />
      <Offline />
      <Refused />
      <RuntimeBanners />
    </div>
  );
}
