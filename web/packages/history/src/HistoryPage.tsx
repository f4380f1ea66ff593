import { useEffect, useState } from 'react';
import { api, type File, type Revision } from '@labora/api';
import { TopBar } from '@labora/drive/shell';
import {
  Button,
  EmptyState,
  Icon,
  Link,
  Select,
  Spinner,
  errorText,
  formatDateTime,
  navigate,
  prompt,
  t,
  toast,
  useSearch,
} from '@labora/ui';
import './messages';
import './history.css';
import { DiffView } from './DiffView';
import { RevisionList, type RevisionActions, byText, kindText } from './RevisionList';
import { isKept } from './grouping';
import { type Revisions, useLoaded, useRevisions } from './loading';

const failed = (error: unknown): void => void toast({ kind: 'error', message: errorText(error) });

/** Makes a revision the present state; the message takes it back by restoring what was before. */
async function restore(fileId: string, revision: Revision, after: () => Promise<Revision[]>): Promise<void> {
  try {
    const restored = await api.restoreRevision(fileId, revision.id);
    const list = await after();
    const before = list.find((one) => one.number < restored.number);
    toast({
      kind: 'ok',
      message: t('history.restored'),
      ...(before
        ? {
            action: {
              label: t('ui.undo'),
              onSelect: () => void api.restoreRevision(fileId, before.id).then(after).catch(failed),
            },
          }
        : {}),
    });
  } catch (error) {
    failed(error);
  }
}

function actionsOn(fileId: string, revisions: Revisions, show: (id: string | null) => void): RevisionActions {
  const change = (revision: Revision, what: { name?: string | null; pinned?: boolean }) =>
    void api.changeRevision(fileId, revision.id, what).then(revisions.replace).catch(failed);
  return {
    name: (revision) =>
      void prompt({
        title: t(revision.name === null ? 'history.name' : 'history.rename'),
        label: t('history.nameLabel'),
        value: revision.name ?? '',
        action: t('ui.save'),
      }).then((name) => name && change(revision, { name })),
    unname: (revision) => change(revision, { name: null }),
    pin: (revision, pinned) => change(revision, { pinned }),
    restore: (revision) =>
      void restore(fileId, revision, async () => {
        const list = await revisions.reload();
        show(null);
        return list;
      }),
  };
}

type Against = 'previous' | 'head';

/** What the address asks for: a revision, the newest one without, and what it is compared with. */
function useChoice(fileId: string) {
  const query = new URLSearchParams(useSearch());
  const go = (revision: string | null, against: Against) => {
    const next = new URLSearchParams();
    if (revision) next.set('revision', revision);
    if (against !== 'previous') next.set('against', against);
    navigate(`/drive/${fileId}/history${next.size > 0 ? `?${next}` : ''}`, { replace: true });
  };
  const against: Against = query.get('against') === 'head' ? 'head' : 'previous';
  return { revision: query.get('revision'), against, go };
}

interface DetailsProps {
  file: File;
  revision: Revision;
  newest: boolean;
  against: Against;
  onAgainst: (against: Against) => void;
  onRestore: (() => void) | null;
}

/** One revision: what it is, what can be done with it, and how it differs. */
function Details({ file, revision, newest, against, onAgainst, onRestore }: DetailsProps) {
  const isNotebook = file.kind === 'notebook';
  const compared = newest ? 'previous' : against;
  const { loaded, again } = useLoaded(isNotebook ? `${revision.id} ${compared}` : null, (signal) =>
    compared === 'head'
      ? api.revisionDiff(file.id, 'head', revision.id, signal)
      : api.revisionDiff(file.id, revision.id, 'previous', signal),
  );
  const first = loaded.state === 'ready' && loaded.value.before === null;
  return (
    <section className="history-details" aria-label={revision.name ?? formatDateTime(revision.created_at)}>
      <header>
        <div className="history-what">
          <h2>{revision.name ?? formatDateTime(revision.created_at)}</h2>
          <p>
            {[
              revision.name === null ? '' : formatDateTime(revision.created_at),
              kindText(revision.kind),
              byText({ revision, hidden: [] }),
            ]
              .filter(Boolean)
              .join(' · ')}
          </p>
        </div>
        {isNotebook && !newest && (
          <Select
            label={t('history.against')}
            value={against}
            options={[
              { value: 'previous', label: t('history.previous') },
              { value: 'head', label: t('history.current') },
            ]}
            onChange={onAgainst}
          />
        )}
        {onRestore && !newest && (
          <Button icon="history" variant="primary" onClick={onRestore}>
            {t('history.restore')}
          </Button>
        )}
      </header>
      {first && <p className="diff-note">{t('history.first')}</p>}
      {isNotebook ? (
        <DiffView loaded={loaded} again={again} />
      ) : (
        <EmptyState icon="draft" title={file.name}>
          {t('history.noCells')}
        </EmptyState>
      )}
    </section>
  );
}

function Body({ file }: { file: File }) {
  const revisions = useRevisions(file.id);
  const { revision: wanted, against, go } = useChoice(file.id);
  const [onlyKept, setOnlyKept] = useState(false);
  const { list } = revisions;
  if (revisions.error !== null) {
    return (
      <EmptyState
        icon="history"
        title={t('history.failed')}
        actions={<Button onClick={() => void revisions.reload().catch(failed)}>{t('ui.retry')}</Button>}
      >
        {errorText(revisions.error)}
      </EmptyState>
    );
  }
  if (list === null) {
    return (
      <div className="history-wait">
        <Spinner size={28} label={t('history.loading')} />
      </div>
    );
  }
  const newest = list[0];
  const selected = list.find((one) => one.id === wanted) ?? newest;
  const shown = onlyKept ? list.filter(isKept) : list;
  const actions = file.abilities.includes('edit') ? actionsOn(file.id, revisions, (id) => go(id, 'previous')) : null;
  return (
    <div className="history-body">
      <nav className="history-side" aria-label={t('history.list')}>
        <label className="history-filter">
          <input type="checkbox" checked={onlyKept} onChange={(event) => setOnlyKept(event.target.checked)} />
          {t('history.onlyKept')}
        </label>
        {shown.length === 0 ? (
          <p className="diff-note">
            <strong>{t('history.noneKept.title')}</strong> {t('history.noneKept.text')}
          </p>
        ) : (
          <RevisionList
            fileId={file.id}
            list={shown}
            selected={selected?.id ?? null}
            newest={newest?.id}
            more={revisions.more}
            onMore={() => revisions.loadMore().catch(failed)}
            onSelect={(revision) => go(revision.id, against)}
            actions={actions}
          />
        )}
        <p className="diff-note history-kept">{t('history.kept')}</p>
      </nav>
      {selected && (
        <Details
          key={selected.id}
          file={file}
          revision={selected}
          newest={selected.id === newest?.id}
          against={against}
          onAgainst={(next) => go(selected.id, next)}
          onRestore={actions && (() => actions.restore(selected))}
        />
      )}
    </div>
  );
}

/** The revisions of one file, and how each came about. */
export function HistoryPage({ fileId }: { fileId: string }) {
  const { loaded, again } = useLoaded(fileId, (signal) => api.file(fileId, signal));
  const name = loaded.state === 'ready' ? loaded.value.name : null;
  useEffect(() => {
    if (name !== null) document.title = t('app.title', { page: `${t('history.title')}: ${name}` });
  }, [name]);
  return (
    <>
      <TopBar>
        <div className="history-title">
          <Link href={`/drive/${fileId}`} className="ui-icon-button" aria-label={t('history.back')}>
            <Icon name="arrow_back" />
          </Link>
          <div>
            <h1>{t('history.title')}</h1>
            <p className="ui-truncate">{name ?? '…'}</p>
          </div>
        </div>
      </TopBar>
      <main className="history-page" id="main">
        {loaded.state === 'loading' && (
          <div className="history-wait">
            <Spinner size={28} label={t('history.loading')} />
          </div>
        )}
        {loaded.state === 'failed' && (
          <EmptyState
            icon="history"
            title={t('history.failed')}
            actions={<Button onClick={again}>{t('ui.retry')}</Button>}
          >
            {errorText(loaded.error)}
          </EmptyState>
        )}
        {loaded.state === 'ready' && <Body key={fileId} file={loaded.value} />}
      </main>
    </>
  );
}
