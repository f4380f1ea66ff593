import { useEffect, useState } from 'react';
import { api, type NotebookDiff } from '@labora/api';
import { PickDialog } from '@labora/drive/pick';
import { TopBar } from '@labora/drive/shell';
import { Button, EmptyState, IconButton, Link, formatDateTime, navigate, t, useSearch } from '@labora/ui';
import './messages';
import './history.css';
import { DiffView } from './DiffView';
import { useLoaded } from './loading';

const SIDES = ['a', 'b'] as const;
type Side = (typeof SIDES)[number];

/** The two notebooks of the address: `a` and `b`, of which `ar` and `br` may name revisions. */
function useChosen() {
  const query = new URLSearchParams(useSearch());
  const set = (changes: Record<string, string | null>) => {
    const next = new URLSearchParams(query);
    for (const [key, value] of Object.entries(changes)) {
      if (value === null) next.delete(key);
      else next.set(key, value);
    }
    navigate(`/compare?${next}`, { replace: true });
  };
  return { chosen: Object.fromEntries(query) as Partial<Record<string, string>>, set };
}

interface ChosenProps {
  label: string;
  fileId: string | undefined;
  told: NotebookDiff['before'] | undefined;
  onChoose: () => void;
}

function Chosen({ label, fileId, told, onChoose }: ChosenProps) {
  const known = told?.file_id === fileId ? told : null;
  const { loaded } = useLoaded(fileId && !known ? fileId : null, (signal) => api.file(fileId ?? '', signal));
  const name = known?.name ?? (loaded.state === 'ready' ? loaded.value.name : '…');
  const revision = known?.revision && (known.revision.name ?? formatDateTime(known.revision.created_at));
  return (
    <section className="compare-side" aria-label={label}>
      <span className="compare-label">{label}</span>
      {fileId && (
        <Link href={`/drive/${fileId}`} className="ui-truncate compare-name">
          {revision ? t('compare.revisionOf', { name, revision }) : name}
        </Link>
      )}
      <Button size="sm" icon="description" onClick={onChoose}>
        {t(fileId ? 'compare.other' : 'compare.choose')}
      </Button>
    </section>
  );
}

/** Any two notebooks that one may read, cell by cell. */
export function ComparePage() {
  const { chosen, set } = useChosen();
  const [picking, setPicking] = useState<Side | null>(null);
  const { a, b, ar, br } = chosen;
  const both = a && b ? [a, ar, b, br].join(' ') : null;
  const { loaded, again } = useLoaded(both, (signal) =>
    api.fileDiff(
      b ?? '',
      { against: a ?? '', ...(br ? { revision: br } : {}), ...(ar ? { againstRevision: ar } : {}) },
      signal,
    ),
  );
  useEffect(() => {
    document.title = t('app.title', { page: t('compare.title') });
  }, []);
  const found = both !== null && loaded.state === 'ready' ? loaded.value : null;
  const swap = () => set({ a: b ?? null, b: a ?? null, ar: br ?? null, br: ar ?? null });
  return (
    <>
      <TopBar>
        <div className="history-title">
          <div>
            <h1>{t('compare.title')}</h1>
          </div>
        </div>
      </TopBar>
      <main className="history-page compare-page" id="main">
        <div className="compare-sides">
          <Chosen label={t('compare.first')} fileId={a} told={found?.before} onChoose={() => setPicking('a')} />
          <IconButton icon="swap_horiz" label={t('compare.swap')} disabled={!a && !b} onClick={swap} />
          <Chosen label={t('compare.second')} fileId={b} told={found?.after} onChoose={() => setPicking('b')} />
        </div>
        {both === null ? (
          <EmptyState icon="compare_arrows" title={t('compare.title')}>
            {t('compare.intro')}
          </EmptyState>
        ) : (
          <>
            <h2 className="ui-hidden">{t('diff.changes')}</h2>
            <DiffView loaded={loaded} again={again} />
          </>
        )}
        {picking && (
          <PickDialog
            title={t(picking === 'a' ? 'compare.first' : 'compare.second')}
            onClose={() => setPicking(null)}
            onPick={(id) => set({ [picking]: id, [`${picking}r`]: null })}
          />
        )}
      </main>
    </>
  );
}
