import { useState } from 'react';
import { exchange } from '@labora/api';
import { Banner, EmptyState, Icon, Link, Select, Spinner, TextField, navigate, t } from '@labora/ui';
import { ExchangeFrame, Failed, OwnerLine } from './ImportPage';
import { useLoaded } from './loading';
import { githubPath } from './paths';
import './messages';
import './exchange.css';

export interface GitHubPageProps {
  owner?: string | undefined;
  repo?: string | undefined;
  branch?: string | undefined;
}

/** Looks through GitHub: repositories of an owner, then the notebooks of a branch. */
export function GitHubPage({ owner, repo, branch }: GitHubPageProps) {
  const [text, setText] = useState([owner, repo].filter(Boolean).join('/'));
  const title = repo ? `${owner}/${repo}` : (owner ?? t('exchange.open.browse'));
  return (
    <ExchangeFrame title={title}>
      <h1>{t('exchange.open.browse')}</h1>
      <form
        className="exchange-card"
        aria-label={t('exchange.open.browse')}
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim()) navigate(githubPath(text));
        }}
      >
        <OwnerLine value={text} onChange={setText} />
      </form>
      {owner && !repo && <Repositories key={owner} owner={owner} />}
      {owner && repo && <Repository key={`${owner}/${repo}`} owner={owner} repo={repo} branch={branch} />}
    </ExchangeFrame>
  );
}

const Waiting = () => (
  <div className="exchange-waiting">
    <Spinner size={24} label={t('exchange.github.loading')} />
  </div>
);

function Repositories({ owner }: { owner: string }) {
  const { loaded, again } = useLoaded(owner, (signal) => exchange.repositories(owner, signal));
  if (loaded.state === 'loading') return <Waiting />;
  if (loaded.state === 'failed')
    return <Failed error={loaded.error} again={again} title={t('exchange.github.failed')} />;
  const { repositories } = loaded.value;
  if (repositories.length === 0) return <EmptyState icon="folder" title={t('exchange.github.noRepositories')} />;
  return (
    <section aria-label={t('exchange.github.repositories', { owner })}>
      <h2>{t('exchange.github.repositories', { owner })}</h2>
      <ul className="exchange-list">
        {repositories.map((one) => (
          <li key={one.full_name}>
            <Link href={`/github/${one.full_name}`}>
              <Icon name={one.private ? 'lock' : 'folder'} />
              <span className="exchange-entry">
                <strong>{one.full_name}</strong>
                {one.description && <span className="exchange-note">{one.description}</span>}
              </span>
              {one.private && <span className="exchange-mark">{t('exchange.github.private')}</span>}
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Repository({ owner, repo, branch }: { owner: string; repo: string; branch: string | undefined }) {
  const { loaded, again } = useLoaded(`${owner}/${repo}`, (signal) => exchange.branches(owner, repo, signal));
  if (loaded.state === 'loading') return <Waiting />;
  if (loaded.state === 'failed')
    return <Failed error={loaded.error} again={again} title={t('exchange.github.failed')} />;
  const { default_branch, branches } = loaded.value;
  const chosen = branch ?? default_branch;
  const names = branches.includes(chosen) ? branches : [chosen, ...branches];
  return (
    <section aria-label={t('exchange.github.notebooks', { repo })}>
      <div className="exchange-bar">
        <h2>{t('exchange.github.notebooks', { repo: `${owner}/${repo}` })}</h2>
        <Select
          label={t('exchange.github.branch')}
          value={chosen}
          options={names.map((value) => ({ value, label: value }))}
          onChange={(next) => navigate(`/github/${owner}/${repo}/blob/${encodeURIComponent(next)}`)}
        />
      </div>
      <Notebooks key={chosen} owner={owner} repo={repo} branch={chosen} />
    </section>
  );
}

const SHOWN = 500;

function Notebooks({ owner, repo, branch }: { owner: string; repo: string; branch: string }) {
  const [filter, setFilter] = useState('');
  const { loaded, again } = useLoaded(branch, (signal) => exchange.notebooks(owner, repo, branch, signal));
  if (loaded.state === 'loading') return <Waiting />;
  if (loaded.state === 'failed')
    return <Failed error={loaded.error} again={again} title={t('exchange.github.failed')} />;
  const { paths, truncated } = loaded.value;
  if (paths.length === 0) return <EmptyState icon="data_object" title={t('exchange.github.noNotebooks')} />;
  const rank = (path: string) => (path.toLowerCase().endsWith('.ipynb') ? 0 : 1);
  const matching = paths
    .filter((path) => path.toLowerCase().includes(filter.trim().toLowerCase()))
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  return (
    <>
      {truncated && <Banner kind="warn">{t('exchange.github.truncated')}</Banner>}
      <TextField
        label={t('exchange.github.filter')}
        value={filter}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setFilter(event.target.value)}
      />
      <ul className="exchange-list">
        {matching.slice(0, SHOWN).map((path) => (
          <li key={path}>
            <Link
              href={`/github/${owner}/${repo}/blob/${[branch, ...path.split('/')].map(encodeURIComponent).join('/')}`}
            >
              <Icon name={rank(path) === 0 ? 'data_object' : 'description'} />
              <span className="exchange-entry">{path}</span>
            </Link>
          </li>
        ))}
        {matching.length === 0 && (
          <li className="exchange-none">{t('exchange.github.noMatch', { text: filter.trim() })}</li>
        )}
      </ul>
    </>
  );
}
