import { type ReactNode, useEffect, useState } from 'react';
import { api, isApiError } from '@labora/api';
import { LettersSetting, TopBar, setAccount, signOut, useAccount, useInstance } from '@labora/drive/shell';
import { Button, Select, TextField, type ThemeChoice, errorText, setTheme, t, toast, useThemeChoice } from '@labora/ui';
import { MountGrants } from './MountGrants';
import { Tokens } from './Tokens';
import './settings.css';

const failed = (error: unknown) => toast({ kind: 'error', message: errorText(error) });

function Section({ title, text, children }: { title: string; text?: string; children: ReactNode }) {
  return (
    <section className="settings-section" aria-label={title}>
      <div>
        <h2>{title}</h2>
        {text && <p className="settings-text">{text}</p>}
      </div>
      <div className="settings-body">{children}</div>
    </section>
  );
}

function Name() {
  const account = useAccount();
  const [name, setName] = useState(account?.name ?? '');
  const [busy, setBusy] = useState(false);
  async function save() {
    setBusy(true);
    try {
      setAccount(await api.rename(name.trim()));
      toast({ kind: 'ok', message: t('settings.saved') });
    } catch (error) {
      failed(error);
    }
    setBusy(false);
  }
  return (
    <form
      className="settings-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <TextField
        label={t('sign.name')}
        hint={t('sign.nameHint')}
        autoComplete="name"
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <TextField label={t('sign.login')} value={account?.login ?? ''} readOnly autoComplete="username" />
      <Button type="submit" busy={busy} disabled={!name.trim() || name.trim() === account?.name}>
        {t('ui.save')}
      </Button>
    </form>
  );
}

function Password() {
  const { passwordMinLength } = useInstance();
  const account = useAccount();
  const [old, setOld] = useState('');
  const [next, setNext] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  async function change() {
    setBusy(true);
    setError(null);
    try {
      await api.changePassword(old, next);
      setOld('');
      setNext('');
      toast({ kind: 'ok', message: t('settings.passwordChanged') });
    } catch (reason) {
      setError(reason);
    }
    setBusy(false);
  }
  const weak = isApiError(error, 'weak_password');
  return (
    <form
      className="settings-form"
      onSubmit={(event) => {
        event.preventDefault();
        void change();
      }}
    >
      <input type="hidden" name="username" autoComplete="username" value={account?.login ?? ''} readOnly />
      <TextField
        label={t('settings.oldPassword')}
        type="password"
        autoComplete="current-password"
        value={old}
        error={error !== null && !weak ? errorText(error) : null}
        onChange={(event) => setOld(event.target.value)}
      />
      <TextField
        label={t('sign.newPassword')}
        hint={t('sign.passwordHint', { count: passwordMinLength })}
        type="password"
        autoComplete="new-password"
        value={next}
        error={weak ? errorText(error) : null}
        onChange={(event) => setNext(event.target.value)}
      />
      <Button type="submit" busy={busy} disabled={!old || next.length < passwordMinLength}>
        {t('settings.changePassword')}
      </Button>
    </form>
  );
}

const themes: ThemeChoice[] = ['light', 'dark', 'system'];

export function SettingsPage() {
  const choice = useThemeChoice();
  useEffect(() => {
    document.title = t('app.title', { page: t('settings.title') });
  }, []);
  return (
    <>
      <TopBar />
      <main className="settings" id="main">
        <h1>{t('settings.title')}</h1>
        <Section title={t('settings.account')}>
          <Name />
        </Section>
        <Section title={t('settings.appearance')}>
          <Select
            label={t('settings.theme')}
            value={choice}
            options={themes.map((theme) => ({ value: theme, label: t(`themes.${theme}`) }))}
            onChange={setTheme}
          />
        </Section>
        <Section title={t('notices.letters.title')} text={t('notices.letters.text')}>
          <LettersSetting />
        </Section>
        <Section title={t('settings.password')}>
          <Password />
        </Section>
        <Section title={t('settings.tokens')} text={t('settings.tokensText')}>
          <Tokens />
        </Section>
        <Section title={t('settings.mounts')} text={t('settings.mountsText')}>
          <MountGrants />
        </Section>
        <Section title={t('settings.devices')} text={t('settings.everywhereText')}>
          <Button icon="logout" onClick={() => void signOut(true).catch(failed)}>
            {t('settings.everywhere')}
          </Button>
        </Section>
      </main>
    </>
  );
}
