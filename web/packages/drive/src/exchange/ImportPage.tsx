import { type ReactNode, useEffect, useState } from 'react';
import { type FoundNotebook, exchange, isApiError } from '@labora/api';
import {
  Banner,
  Button,
  EmptyState,
  Spinner,
  TextField,
  errorText,
  formatBytes,
  navigate,
  t,
  toast,
  usePath,
  useSearch,
} from '@labora/ui';
import { TopBar } from '../shell';
import { TokenForm, useGitHubAccount } from './GitHubToken';
import { useLoaded } from './loading';
import { githubPath, placeOf } from './paths';
import './messages';
import './exchange.css';

export function ExchangeFrame({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = t('app.title', { page: title });
  }, [title]);
  return (
    <>
      <TopBar />
      <main className="exchange-page" id="main">
        {children}
      </main>
    </>
  );
}

/** A notebook from elsewhere: first an address, then the notebook to read, and one button that makes a copy. */
export function ImportPage() {
  const path = usePath();
  const search = useSearch();
  const place = placeOf({ pathname: path, search, hash: location.hash });
  return place === null ? <Ask /> : <Shown key={place} place={place} />;
}

function Ask() {
  const [address, setAddress] = useState('');
  const [owner, setOwner] = useState('');
  const title = t('exchange.open.title');
  return (
    <ExchangeFrame title={title}>
      <h1>{title}</h1>
      <form
        className="exchange-card"
        onSubmit={(event) => {
          event.preventDefault();
          if (address.trim()) navigate(`/url?u=${encodeURIComponent(address.trim())}`);
        }}
      >
        <p>{t('exchange.open.intro')}</p>
        <div className="exchange-line">
          <TextField
            label={t('exchange.open.address')}
            value={address}
            placeholder={t('exchange.open.placeholder')}
            autoComplete="off"
            autoFocus
            spellCheck={false}
            inputMode="url"
            onChange={(event) => setAddress(event.target.value)}
          />
          <Button type="submit" variant="primary" disabled={!address.trim()}>
            {t('exchange.open.look')}
          </Button>
        </div>
      </form>
      <form
        className="exchange-card"
        aria-label={t('exchange.open.browse')}
        onSubmit={(event) => {
          event.preventDefault();
          if (owner.trim()) navigate(githubPath(owner));
        }}
      >
        <h2>{t('exchange.open.browse')}</h2>
        <p>{t('exchange.open.browseText')}</p>
        <OwnerLine value={owner} onChange={setOwner} />
      </form>
    </ExchangeFrame>
  );
}

export function OwnerLine({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  return (
    <div className="exchange-line">
      <TextField
        label={t('exchange.open.owner')}
        value={value}
        placeholder={t('exchange.open.ownerPlaceholder')}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        onChange={(event) => onChange(event.target.value)}
      />
      <Button type="submit" icon="search" disabled={!value.trim()}>
        {t('exchange.open.find')}
      </Button>
    </div>
  );
}

function Shown({ place }: { place: string }) {
  const { loaded, again } = useLoaded(place, (signal) => exchange.find(place, signal));
  const title = loaded.state === 'ready' ? loaded.value.name.replace(/\.ipynb$/i, '') : t('exchange.open.title');
  return (
    <ExchangeFrame title={title}>
      {loaded.state !== 'ready' && <h1 className="ui-hidden">{title}</h1>}
      {loaded.state === 'loading' && (
        <div className="exchange-waiting">
          <Spinner size={28} label={t('exchange.found.loading')} />
          <span aria-hidden="true">{t('exchange.found.loading')}</span>
        </div>
      )}
      {loaded.state === 'failed' && <Failed error={loaded.error} again={again} />}
      {loaded.state === 'ready' && <Notebook found={loaded.value} title={title} again={again} />}
    </ExchangeFrame>
  );
}

const TOKEN_HELPS = new Set(['github_not_found', 'github_rate_limited', 'github_token', 'github_forbidden']);

/** Why a notebook or a list cannot be fetched; where a token would help, a place to connect one. */
export function Failed({ error, again, title }: { error: unknown; again: () => void; title?: string }) {
  const helps = isApiError(error) && TOKEN_HELPS.has(error.code);
  return (
    <>
      <EmptyState
        icon="cloud_off"
        title={title ?? t('exchange.found.failed')}
        actions={
          <>
            <Button icon="refresh" onClick={again}>
              {t('exchange.found.retry')}
            </Button>
            <Button variant="quiet" onClick={() => navigate('/url')}>
              {t('exchange.found.another')}
            </Button>
          </>
        }
      >
        {errorText(error)}
      </EmptyState>
      {helps && <ConnectHere onConnected={again} />}
    </>
  );
}

function ConnectHere({ onConnected }: { onConnected: () => void }) {
  const { account, setAccount, error } = useGitHubAccount();
  return (
    <section className="exchange-card" aria-label={t('exchange.token.title')}>
      <h2>{t('exchange.token.title')}</h2>
      <TokenForm
        account={account}
        error={error}
        onChange={(now) => {
          setAccount(now);
          if (now.connected) onConnected();
        }}
      />
    </section>
  );
}

function Notebook({ found, title, again }: { found: FoundNotebook; title: string; again: () => void }) {
  const [busy, setBusy] = useState(false);
  async function save() {
    setBusy(true);
    try {
      const file = await exchange.take(found.id);
      navigate(`/drive/${file.id}`);
    } catch (error) {
      setBusy(false);
      toast({ kind: 'error', message: errorText(error) });
      if (isApiError(error, 'import_expired')) again();
    }
  }
  const about = [t('exchange.found.cells', { count: found.cells }), found.language, formatBytes(found.size)];
  return (
    <>
      <div className="exchange-head">
        <div>
          <h1>{title}</h1>
          <p className="exchange-note">
            <a href={found.source.url} target="_blank" rel="noreferrer noopener">
              {found.source.url.replace(/^https?:\/\//, '')}
            </a>
          </p>
          <p className="exchange-note">{about.filter(Boolean).join(' · ')}</p>
        </div>
        <Button variant="primary" icon="cloud_download" busy={busy} onClick={() => void save()}>
          {t(busy ? 'exchange.found.saving' : 'exchange.found.save')}
        </Button>
      </div>
      <Banner>{t('exchange.found.warning')}</Banner>
      {found.read_only_reason && (
        <Banner kind="warn">{t('exchange.found.readOnly', { reason: found.read_only_reason })}</Banner>
      )}
      <iframe
        className="exchange-paper"
        title={t('exchange.found.page')}
        sandbox="allow-popups"
        src={exchange.foundPage(found.id)}
      />
    </>
  );
}
