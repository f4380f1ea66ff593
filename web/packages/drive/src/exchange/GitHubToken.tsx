import { useEffect, useState } from 'react';
import { type GitHubAccount, exchange } from '@labora/api';
import { Banner, Button, Spinner, TextField, errorText, t, toast } from '@labora/ui';
import './messages';
import './exchange.css';

/** Whether a GitHub token is stored for the account; undefined while that is not known. */
export function useGitHubAccount() {
  const [account, setAccount] = useState<GitHubAccount>();
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    let here = true;
    exchange.account().then(
      (found) => here && setAccount(found),
      (reason: unknown) => here && setError(reason),
    );
    return () => void (here = false);
  }, []);
  return { account, setAccount, error };
}

interface TokenProps {
  account: GitHubAccount | undefined;
  onChange: (account: GitHubAccount) => void;
  error?: unknown;
  /** In a dialog the field takes the focus when it appears. */
  focus?: boolean;
}

/** Connects and disconnects the account's GitHub token. */
export function TokenForm({ account, onChange, error = null, focus = false }: TokenProps) {
  const [token, setToken] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  async function work(change: () => Promise<GitHubAccount>) {
    setBusy(true);
    setProblem(null);
    try {
      onChange(await change());
      setToken('');
    } catch (reason) {
      setProblem(reason);
    }
    setBusy(false);
  }
  if (error !== null) return <Banner kind="error">{errorText(error)}</Banner>;
  if (!account) return <Spinner label={t('exchange.github.loading')} />;
  if (!account.enabled) return <Banner>{t('exchange.token.off')}</Banner>;
  if (account.connected) {
    return (
      <div className="exchange-token">
        <div>
          <strong>{t('exchange.token.connected', { login: account.login ?? '' })}</strong>
          <div className="exchange-note">
            {account.scopes ? t('exchange.token.scopes', { scopes: account.scopes }) : t('exchange.token.noScopes')}
          </div>
        </div>
        <Button
          busy={busy}
          onClick={() =>
            void work(async () => {
              await exchange.disconnect();
              toast({ message: t('exchange.token.disconnected') });
              return { ...account, connected: false, login: null, scopes: '' };
            })
          }
        >
          {t('exchange.token.disconnect')}
        </Button>
      </div>
    );
  }
  const connect = () => token.trim() && void work(() => exchange.connect(token.trim()));
  return (
    <div className="exchange-connect">
      <TextField
        label={t('exchange.token.label')}
        type="password"
        autoComplete="off"
        autoFocus={focus}
        value={token}
        hint={t('exchange.token.help')}
        error={problem === null ? null : errorText(problem)}
        onChange={(event) => setToken(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter') return;
          event.preventDefault();
          connect();
        }}
      />
      <Button icon="key" busy={busy} disabled={!token.trim()} onClick={connect}>
        {t('exchange.token.connect')}
      </Button>
    </div>
  );
}

/** The same as a part of the settings page. */
export function GitHubToken() {
  const { account, setAccount, error } = useGitHubAccount();
  return <TokenForm account={account} onChange={setAccount} error={error} />;
}
