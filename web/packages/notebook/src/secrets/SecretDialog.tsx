/** A new secret, or another name or value of one. */
import { useRef, useState } from 'react';
import { type Secret, secrets } from '@labora/api';
import { Button, Dialog, errorText, t, TextField } from '@labora/ui';

export interface SecretDialogProps {
  /** The one that is changed; null for a new one. */
  secret: Secret | null;
  name: string;
  /** The notebook that a new one is for, null where it can be given none. */
  grant: string | null;
  onClose: () => void;
}

export function SecretDialog({ secret, name: first, grant, onClose }: SecretDialogProps) {
  const [name, setName] = useState(first);
  const [value, setValue] = useState('');
  const [give, setGive] = useState(grant !== null);
  /** What it is called at the server, also where only the rest of a change failed. */
  const called = useRef(secret?.name);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  async function save() {
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      if (called.current !== undefined && name !== called.current) await secrets.rename(called.current, name);
      if (secret) called.current = name;
      if (!secret || value) await secrets.put(name, value);
      if (!secret && give && grant) await secrets.grant(grant, name);
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
      title={secret ? t('secrets.editTitle', { name: first }) : t('secrets.newTitle')}
      footer={
        <>
          <Button onClick={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" busy={busy} disabled={!name || (!secret && !value)}>
            {t('secrets.save')}
          </Button>
        </>
      }
    >
      <div className="nb-form-dialog">
        <TextField
          label={t('secrets.name')}
          hint={t('secrets.nameHint')}
          error={error}
          value={name}
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => setName(event.target.value.trim())}
        />
        <TextField
          label={t('secrets.value')}
          hint={secret ? t('secrets.keepValue') : undefined}
          type="password"
          value={value}
          autoComplete="new-password"
          {...(first && !secret ? { 'data-autofocus': '' } : {})}
          onChange={(event) => setValue(event.target.value)}
        />
        {!secret && grant && (
          <label className="nb-form-check">
            <input type="checkbox" checked={give} onChange={(event) => setGive(event.target.checked)} />
            <span>{t('secrets.access')}</span>
          </label>
        )}
      </div>
    </Dialog>
  );
}
