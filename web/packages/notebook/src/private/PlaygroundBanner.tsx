/** Says that this is a playground, and what can become of it. */
import { useEffect, useState } from 'react';
import { api } from '@labora/api';
import { loginAddress } from '@labora/drive/shell';
import { Banner, Button, confirm, navigate, t, toast } from '@labora/ui';
import { asking, commandOf } from '../model/commands';
import { useCanEdit, useController, useStatus } from '../model/context';
import { canPlay, openPlayground, runWaiting } from './playground';

export function PlaygroundBanner() {
  const controller = useController();
  const { file, connection } = useStatus();
  const editable = useCanEdit();
  const base = file?.playground_of ?? null;
  const [days, setDays] = useState(14);
  const [busy, setBusy] = useState(false);
  const baseId = base?.id;

  useEffect(() => {
    if (!baseId) return;
    // Whoever comes back gets what the original got meanwhile, and is told for how long this stays.
    api.openPlayground(baseId).catch(() => {});
    api.playground(baseId).then(
      ({ keep_days: keep }) => setDays(Math.round(keep)),
      () => {},
    );
  }, [baseId]);

  const ready = base !== null && editable && connection === 'online';
  useEffect(() => {
    if (ready) runWaiting(controller);
  }, [controller, ready]);

  if (!base) return null;
  async function refresh() {
    setBusy(true);
    const answer = await asking(() => api.refreshPlayground(controller.fileId));
    setBusy(false);
    if (!answer) return;
    toast({ message: t(answer.changed ? 'private.playground.refreshed' : 'private.playground.current'), kind: 'ok' });
  }
  async function discard() {
    const question = {
      title: t('private.playground.discardTitle'),
      message: t('private.playground.discardText'),
      action: t('private.playground.discard'),
      danger: true,
    };
    if (!(await confirm(question))) return;
    if ((await asking(() => api.deleteFile(controller.fileId).then(() => true))) && baseId)
      navigate(`/drive/${baseId}`);
  }
  return (
    <Banner
      title={t('private.playground.title', { name: base.name.replace(/\.ipynb$/i, '') })}
      actions={
        <>
          <Button size="sm" variant="primary" onClick={() => commandOf('file.copy').run(controller)}>
            {t('private.playground.copy')}
          </Button>
          <Button size="sm" busy={busy} onClick={() => void refresh()}>
            {t('private.playground.refresh')}
          </Button>
          <Button size="sm" onClick={() => navigate(`/drive/${base.id}`)}>
            {t('private.playground.original')}
          </Button>
          <Button size="sm" onClick={() => void discard()}>
            {t('private.playground.discard')}
          </Button>
        </>
      }
    >
      {t('private.playground.text', { count: days })}
    </Banner>
  );
}

/** What somebody who may only read is offered: a playground, or to sign in. */
export function PlaygroundOffer() {
  const controller = useController();
  const { account } = useStatus();
  const [exists, setExists] = useState(false);
  const [busy, setBusy] = useState(false);
  const may = canPlay(controller);
  useEffect(() => {
    if (!may) return;
    const stop = new AbortController();
    api.playground(controller.fileId, stop.signal).then(
      ({ file }) => setExists(file !== null),
      () => {},
    );
    return () => stop.abort();
  }, [controller, may]);
  if (account?.id.startsWith('guest-'))
    return (
      <Button size="sm" variant="primary" onClick={() => navigate(loginAddress())}>
        {t('private.playground.signInAction')}
      </Button>
    );
  if (!may) return null;
  const open = async () => {
    setBusy(true);
    await openPlayground(controller);
    setBusy(false);
  };
  return (
    <Button size="sm" variant="primary" busy={busy} onClick={() => void open()}>
      {t(exists ? 'private.playground.resume' : 'private.playground.open')}
    </Button>
  );
}
