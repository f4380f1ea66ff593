/** The first account of a server (/setup) and an invited one (/invite): the same form behind two kinds of link. */
import { useEffect, useState } from 'react';
import { type Account, api, isApiError } from '@labora/api';
import { setAccount, useInstance } from '@labora/drive/shell';
import { Banner, Button, Spinner, TextField, errorText, navigate, t } from '@labora/ui';
import { DeadLink } from './DeadLink';
import { SignPage, takeSecret } from './SignPage';

interface Form {
  name: string;
  login: string;
  password: string;
}

interface NewAccountProps {
  kind: 'setup' | 'invite';
  create: (form: Form) => Promise<Account>;
}

const isDead = (error: unknown) =>
  isApiError(error, 'dead_link') || isApiError(error, 'not_found') || isApiError(error, 'gone');

function NewAccount({ kind, create }: NewAccountProps) {
  const { passwordMinLength } = useInstance();
  const [form, setForm] = useState<Form>({ name: '', login: '', password: '' });
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const set = (change: Partial<Form>) => setForm({ ...form, ...change });
  const short = form.password.length < passwordMinLength;
  const wrongField = isApiError(error, 'login_taken')
    ? 'login'
    : isApiError(error, 'weak_password')
      ? 'password'
      : null;

  async function submit() {
    setTried(true);
    if (!form.name.trim() || !form.login.trim() || short) return;
    setBusy(true);
    setError(null);
    try {
      setAccount(await create({ ...form, name: form.name.trim(), login: form.login.trim() }));
      navigate('/', { replace: true });
    } catch (reason) {
      setError(reason);
      setBusy(false);
    }
  }

  if (isDead(error)) return <DeadLink kind={kind} />;
  return (
    <SignPage title={t(`${kind}.title`)} intro={t(`${kind}.intro`)} onSubmit={() => void submit()}>
      {error !== null && !wrongField && <Banner kind="error">{errorText(error)}</Banner>}
      <TextField
        label={t('sign.name')}
        hint={t('sign.nameHint')}
        autoComplete="name"
        autoFocus
        value={form.name}
        error={tried && !form.name.trim() ? t('sign.needed') : null}
        onChange={(event) => set({ name: event.target.value })}
      />
      <TextField
        label={t('sign.login')}
        hint={t('sign.loginHint')}
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        value={form.login}
        error={wrongField === 'login' ? errorText(error) : tried && !form.login.trim() ? t('sign.needed') : null}
        onChange={(event) => set({ login: event.target.value })}
      />
      <TextField
        label={t('sign.password')}
        hint={t('sign.passwordHint', { count: passwordMinLength })}
        type="password"
        autoComplete="new-password"
        value={form.password}
        error={
          wrongField === 'password'
            ? errorText(error)
            : tried && short
              ? t('sign.tooShort', { count: passwordMinLength })
              : null
        }
        onChange={(event) => set({ password: event.target.value })}
      />
      <Button type="submit" variant="primary" busy={busy}>
        {t(`${kind}.action`)}
      </Button>
    </SignPage>
  );
}

export function SetupPage() {
  const [secret] = useState(takeSecret);
  const [needed, setNeeded] = useState<boolean | null>(null);
  useEffect(() => {
    api
      .instance()
      .then((instance) => setNeeded(instance.setup_needed))
      .catch(() => setNeeded(true));
  }, []);
  if (!secret || needed === false) return <DeadLink kind="setup" />;
  return <NewAccount kind="setup" create={(form) => api.setup(secret, form)} />;
}

export function InvitePage() {
  const [secret] = useState(takeSecret);
  const [state, setState] = useState<'asking' | 'good' | 'dead'>(secret ? 'asking' : 'dead');
  useEffect(() => {
    if (!secret) return;
    api
      .invitation(secret)
      .then(() => setState('good'))
      // Only a link that is known to be dead is called so; the form tells of other trouble.
      .catch((error: unknown) => setState(isDead(error) ? 'dead' : 'good'));
  }, [secret]);
  if (state === 'dead') return <DeadLink kind="invite" />;
  if (state === 'asking') {
    return (
      <SignPage title={t('invite.title')}>
        <Spinner label={t('app.loading')} />
      </SignPage>
    );
  }
  return <NewAccount kind="invite" create={(form) => api.acceptInvitation(secret, form)} />;
}
