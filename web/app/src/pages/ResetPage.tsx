import { useState } from 'react';
import { api, isApiError } from '@labora/api';
import { Banner, Button, TextField, errorText, navigate, t, toast } from '@labora/ui';
import { DeadLink } from './DeadLink';
import { MIN_PASSWORD, SignPage, takeSecret } from './SignPage';

export function ResetPage() {
  const [secret] = useState(takeSecret);
  const [password, setPassword] = useState('');
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const short = password.length < MIN_PASSWORD;

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
        hint={t('sign.passwordHint', { count: MIN_PASSWORD })}
        type="password"
        autoComplete="new-password"
        autoFocus
        value={password}
        error={weak ? errorText(error) : tried && short ? t('sign.tooShort', { count: MIN_PASSWORD }) : null}
        onChange={(event) => setPassword(event.target.value)}
      />
      <Button type="submit" variant="primary" busy={busy}>
        {t('reset.action')}
      </Button>
    </SignPage>
  );
}
