/** Many secrets at once, from the text of a `.env` file. */
import { useId, useState } from 'react';
import { secrets } from '@labora/api';
import { Button, Dialog, errorText, t, toast } from '@labora/ui';
import { readEnv } from './env';

export function EnvDialog({ grant, onClose }: { grant: string | null; onClose: () => void }) {
  const id = useId();
  const [text, setText] = useState('');
  const [give, setGive] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const found = readEnv(text);
  async function save() {
    if (busy || found.length === 0) return;
    setBusy(true);
    try {
      for (const { name, value } of found) {
        await secrets.put(name, value);
        if (give && grant) await secrets.grant(grant, name);
      }
      toast({ message: t('secrets.imported', { count: found.length }), kind: 'ok' });
      onClose();
    } catch (reason) {
      setError(errorText(reason));
      setBusy(false);
    }
  }
  return (
    <Dialog
      open
      onClose={onClose}
      onSubmit={() => void save()}
      title={t('secrets.envTitle')}
      description={t('secrets.envText')}
      footer={
        <>
          <Button onClick={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" busy={busy} disabled={found.length === 0}>
            {t('secrets.envAction', { count: found.length })}
          </Button>
        </>
      }
    >
      <div className="nb-form-dialog">
        <input
          type="file"
          aria-label={t('secrets.envFile')}
          onChange={(event) =>
            void event.target.files?.[0]?.text().then(setText, (reason) => setError(errorText(reason)))
          }
        />
        <div className="ui-field">
          <label className="ui-field-label" htmlFor={id}>
            {t('secrets.envLabel')}
          </label>
          <textarea
            id={id}
            className="ui-input nb-field-code"
            rows={6}
            spellCheck={false}
            autoComplete="off"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
        {grant && (
          <label className="nb-form-check">
            <input type="checkbox" checked={give} onChange={(event) => setGive(event.target.checked)} />
            <span>{t('secrets.access')}</span>
          </label>
        )}
        {(error ?? (text.trim() && found.length === 0)) && (
          <p role="alert" className="nb-secret-bad">
            {error ?? t('secrets.envNone')}
          </p>
        )}
      </div>
    </Dialog>
  );
}
