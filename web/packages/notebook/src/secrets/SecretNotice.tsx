/** Tells the person whose code asked for a secret that it was not given, and how it can be. */
import { useEffect, useState } from 'react';
import { secrets } from '@labora/api';
import { Banner, Button, t, toast } from '@labora/ui';
import { asking } from '../model/commands';
import { useController } from '../model/context';
import './messages';
import './secrets.css';

/** How long the notice shows before it takes a grant: a click that was meant for something else is none. */
const SETTLE_MS = 600;

export interface SecretNoticeProps {
  name: string;
  exists: boolean;
  onDone: () => void;
}

export function SecretNotice({ name, exists, onDone }: SecretNoticeProps) {
  const { fileId, ui } = useController();
  const [settled, setSettled] = useState(false);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(true), SETTLE_MS);
    return () => clearTimeout(timer);
  }, []);
  async function grant() {
    if (!settled) return;
    setBusy(true);
    const done = await asking(() => secrets.grant(fileId, name).then(() => true));
    setBusy(false);
    if (!done) return;
    toast({ message: t('secrets.granted', { name }), kind: 'ok' });
    onDone();
  }
  function add() {
    ui.secrets.set({ add: name });
    onDone();
  }
  return (
    <div className="nb-banners nb-secret-notice">
      <Banner
        title={t(exists ? 'secrets.wanted' : 'secrets.missing', { name })}
        actions={
          <>
            <Button
              size="sm"
              variant="primary"
              busy={busy}
              disabled={!settled}
              onClick={exists ? () => void grant() : add}
            >
              {t(exists ? 'secrets.grant' : 'secrets.add')}
            </Button>
            <Button size="sm" onClick={onDone}>
              {t('secrets.dismiss')}
            </Button>
          </>
        }
      >
        {t(exists ? 'secrets.wantedText' : 'secrets.missingText')}
      </Banner>
    </div>
  );
}
