import { useState } from 'react';
import { api, isApiError } from '@labora/api';
import { useInstance } from '@labora/drive/shell';
import { Banner, Button, TextField, errorText, navigate, t, toast } from '@labora/ui';
import { DeadLink } from './DeadLink';
import { SignPage, takeSecret } from './SignPage';

export function ResetPage() {
  const { passwordMinLength } = useInstance();
  const [secret] = useState(takeSecret);
  const [password, setPassword] = useState('');
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const short = password.length < passwordMinLength;

  async function submit() {
    setTried(true);
    if (short) return;
    setBusy(true);
    setError(null);
    try {
      await api.resetPassword(secret, password);
      toast({ kind: 'ok', message: t('reset.done') });
      navigate('/login', { replace: true });
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  }

  if (!secret || isApiError(error, 'dead_link')) return <DeadLink kind="reset" />;
  const weak = isApiError(error, 'weak_password');
  return (
    <SignPage title={t('reset.title')} intro={t('reset.intro')} onSubmit={() => void submit()}>
      {error !== null && !weak && <Banner kind="error">{errorText(error)}</Banner>}
      <TextField
        label={t('sign.newPassword')}
        hint={t('sign.passwordHint', { count: passwordMinLength })}
        type="password"
        autoComplete="new-password"
        autoFocus
        value={password}
        error={weak ? errorText(error) : tried && short ? t('sign.tooShort', { count: passwordMinLength }) : null}
        onChange={(event) => setPassword(event.target.value)}
      />
      <Button type="submit" variant="primary" busy={busy}>
        {t('reset.action')}
      </Button>
    </SignPage>
  );
}
