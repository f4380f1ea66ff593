import { useState } from 'react';
import { api } from '@labora/api';
import { setAccount } from '@labora/drive/shell';
import { Banner, Button, TextField, errorText, navigate, t } from '@labora/ui';
import { nextAddress } from '../session';
import { SignPage } from './SignPage';

export function LoginPage() {
  const [login, setLogin] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [tried, setTried] = useState(false);
  const [error, setError] = useState<unknown>(null);

  async function signIn() {
    setTried(true);
    if (!login.trim() || !password) return;
    setBusy(true);
    setError(null);
    try {
      setAccount(await api.login(login.trim(), password));
      navigate(nextAddress(location.search), { replace: true });
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  }

  return (
    <SignPage title={t('login.title')} intro={t('login.intro')} onSubmit={() => void signIn()}>
      {error !== null && <Banner kind="error">{errorText(error)}</Banner>}
      <TextField
        label={t('sign.login')}
        name="login"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        autoFocus
        value={login}
        error={tried && !login.trim() ? t('sign.needed') : null}
        onChange={(event) => setLogin(event.target.value)}
      />
      <TextField
        label={t('sign.password')}
        name="password"
        type="password"
        autoComplete="current-password"
        value={password}
        error={tried && !password ? t('sign.needed') : null}
        onChange={(event) => setPassword(event.target.value)}
      />
      <Button type="submit" variant="primary" busy={busy}>
        {t('login.action')}
      </Button>
      <p className="sign-help">{t('login.help')}</p>
    </SignPage>
  );
}
