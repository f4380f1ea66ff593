import { type KeyboardEvent, useMemo, useRef } from 'react';
import type { SearchResult, Snippet } from '@labora/api';
import { Banner, Button, EmptyState, Link, errorText, formatWhen, navigate, t, useSearch } from '@labora/ui';
import { FileIcon } from '../list/FileIcon';
import { ListSkeleton } from '../list/ListSkeleton';
import { linkTo } from '../list/actions';
import { type FilterName, choices, filtersOf, queryFor, withFilter } from './question';
import { useResults } from './useResults';

/** What was found in all files, with the lines around hits, below the filters. */
export function SearchResults({ q, me }: { q: string; me: string }) {
  const address = useSearch();
  const filters = filtersOf(address);
  // The moment is taken once for each question: it must not be another question at every drawing.
  const query = useMemo(() => queryFor(q, filtersOf(address), new Date()), [q, address]);
  const found = useResults(query);
  const list = useRef<HTMLUListElement>(null);

  function move(event: KeyboardEvent) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const links = [...(list.current?.querySelectorAll<HTMLElement>('a') ?? [])];
    const next = links[links.indexOf(document.activeElement as HTMLElement) + step];
    if (!next && step > 0) return;
    event.preventDefault();
    if (next) next.focus();
    else document.querySelector<HTMLElement>('.search-box input')?.focus();
  }

  return (
    <>
      <div className="search-filters" role="group" aria-label={t('search.filters')}>
        {(Object.keys(choices) as FilterName[]).map((name) => (
          <label key={name} className="search-filter" data-set={filters[name] !== '' || undefined}>
            <span>{t(`search.${name}.label`)}</span>
            <select
              value={filters[name]}
              onChange={(event) => navigate(withFilter(address, name, event.target.value), { replace: true })}
            >
              {choices[name].map((value) => (
                <option key={value} value={value}>
                  {t(`search.${name}.${value || 'any'}`)}
                </option>
              ))}
            </select>
          </label>
        ))}
      </div>
      {found.catchingUp && <Banner kind="info">{t('search.catchingUp')}</Banner>}
      <p className="ui-hidden" role="status">
        {found.status === 'ready' && !found.old && t('search.count', { count: found.results.length })}
      </p>
      {found.status === 'loading' && <ListSkeleton />}
      {found.status === 'failed' && (
        <EmptyState
          icon="cloud_off"
          title={t('search.failed')}
          actions={
            <Button icon="refresh" onClick={found.reload}>
              {t('ui.retry')}
            </Button>
          }
        >
          {errorText(found.error)}
        </EmptyState>
      )}
      {found.status === 'ready' && found.results.length === 0 && !found.old && (
        <EmptyState icon="search" title={t('drive.empty.search.title', { q })}>
          {t('drive.empty.search.text')}
        </EmptyState>
      )}
      {found.status === 'ready' && found.results.length > 0 && (
        <>
          <ul className="search-results" ref={list} onKeyDown={move} aria-busy={found.old}>
            {found.results.map((result) => (
              <Result key={result.file.id} result={result} me={me} />
            ))}
          </ul>
          {found.more && (
            <div className="search-more">
              <Button onClick={found.loadMore}>{t('search.more')}</Button>
            </div>
          )}
        </>
      )}
    </>
  );
}

function Result({ result: { file, snippets }, me }: { result: SearchResult; me: string }) {
  const named = snippets.find((snippet) => snippet.where === 'name');
  const title = named ? <Marked snippet={named} /> : file.name;
  const link = linkTo(file);
  const owner = file.owner.id === me ? t('drive.me') : file.owner.name;
  return (
    <li className="search-result">
      <FileIcon file={file} />
      <div>
        {link ? (
          <Link href={link} className="search-name">
            {title}
          </Link>
        ) : (
          <span className="search-name">{title}</span>
        )}
        {snippets
          .filter((snippet) => snippet.where !== 'name')
          .map((snippet, place) => (
            <p key={place} className={`search-snippet search-snippet-${snippet.where}`}>
              <span className="search-where">{t(`search.in.${snippet.where}`)}</span>{' '}
              {link && snippet.cell_id !== null ? (
                <Link href={`${link}#cell=${encodeURIComponent(snippet.cell_id)}`} className="search-cell">
                  <Marked snippet={snippet} />
                </Link>
              ) : (
                <Marked snippet={snippet} />
              )}
            </p>
          ))}
        <p className="search-about">
          {owner} · <time dateTime={file.modified_at}>{formatWhen(file.modified_at)}</time>
        </p>
      </div>
    </li>
  );
}

/** Text with its hits marked; the pieces are text, whatever they look like. */
function Marked({ snippet }: { snippet: Snippet }) {
  return snippet.parts.map((part, place) =>
    part.hit ? <mark key={place}>{part.text}</mark> : <span key={place}>{part.text}</span>,
  );
}
