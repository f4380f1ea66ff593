/** The data sets that this server holds, with the code that loads them and whom to credit. */
import { useCallback, useEffect, useState } from 'react';
import { type Dataset, type DatasetList, datasets } from '@labora/api';
import { Button, copyText, formatBytes, IconButton, Spinner, t, toast } from '@labora/ui';
import { asking } from '../model/commands';
import { useCanEdit, useController, useStatus } from '../model/context';
import './messages';
import './datasets.css';

const ASK_AGAIN_MS = 1000;
const WITH_COUNT: ReadonlySet<string> = new Set(['pictures', 'rows']);

function sizeOf({ count, unit }: Dataset): string {
  if (count === null) return '';
  return WITH_COUNT.has(unit)
    ? t(`datasets.${unit}`, { count })
    : t('datasets.things', { count: count.toLocaleString(), unit });
}

function Progress({ dataset: { title, progress } }: { dataset: Dataset }) {
  if (!progress?.of) return <Spinner size={16} label={t('datasets.progressOf', { name: title })} />;
  const { done, of } = progress;
  return (
    <div className="nb-dataset-progress">
      <progress max={of} value={done} aria-label={t('datasets.progressOf', { name: title })} />
      <span>{t('datasets.progress', { done: formatBytes(done), of: formatBytes(of) })}</span>
    </div>
  );
}

function CopyButton({ what, name, text }: { what: 'copyCredit' | 'copyCitation'; name: string; text: string }) {
  const label = t(`datasets.${what}`);
  async function copy() {
    if (await copyText(text.trim())) toast({ message: t('datasets.copied'), kind: 'ok' });
  }
  return (
    <Button
      size="sm"
      variant="quiet"
      icon="content_copy"
      aria-label={t('datasets.labelOf', { label, name })}
      onClick={() => void copy()}
    >
      {label}
    </Button>
  );
}

function Credits({ dataset }: { dataset: Dataset }) {
  const { title: name, licence, licence_url: url, credit, citation, homepage } = dataset;
  const page = t('datasets.home');
  return (
    <>
      <dl className="nb-dataset-credits">
        <dt>{t('datasets.licence')}</dt>
        <dd>
          {url ? (
            <a href={url} target="_blank" rel="noopener noreferrer">
              {licence}
            </a>
          ) : (
            licence
          )}
          {' · '}
          <a
            href={homepage}
            target="_blank"
            rel="noopener noreferrer"
            aria-label={t('datasets.labelOf', { label: page, name })}
          >
            {page}
          </a>
        </dd>
        {credit && (
          <>
            <dt>{t('datasets.credit')}</dt>
            <dd>{credit}</dd>
          </>
        )}
      </dl>
      <div className="nb-dataset-actions">
        {credit && <CopyButton what="copyCredit" name={name} text={credit} />}
        {citation && <CopyButton what="copyCitation" name={name} text={citation} />}
      </div>
    </>
  );
}

function Card({ dataset, canFetch, onFetch }: { dataset: Dataset; canFetch: boolean; onFetch: () => void }) {
  const controller = useController();
  const editable = useCanEdit();
  const { name, title, state, code, bytes } = dataset;
  const ready = state === 'held' || state === 'included';
  function insert() {
    controller.insertCode(code);
    toast({ message: t('datasets.inserted'), kind: 'ok' });
  }
  const fetchLabel =
    state === 'failed'
      ? t('datasets.again')
      : bytes
        ? t('datasets.fetch', { size: formatBytes(bytes) })
        : t('datasets.fetchPlain');
  return (
    <li className="nb-dataset" data-dataset={name} data-state={state}>
      <h3>{title}</h3>
      <p className="nb-dataset-line">
        <span className={ready ? 'nb-dataset-ready' : undefined}>{t(`datasets.state.${state}`)}</span>
        {sizeOf(dataset) && ` · ${sizeOf(dataset)}`}
      </p>
      <p>{dataset.about}</p>
      {state === 'fetching' && <Progress dataset={dataset} />}
      {dataset.message && <p className="nb-dataset-bad">{dataset.message}</p>}
      <div className="nb-dataset-actions">
        {ready && editable && code && (
          <Button
            size="sm"
            icon="code"
            variant="secondary"
            aria-label={t('datasets.labelOf', { label: t('datasets.insert'), name: title })}
            onClick={insert}
          >
            {t('datasets.insert')}
          </Button>
        )}
        {(state === 'missing' || state === 'failed') && canFetch && (
          <Button
            size="sm"
            icon="download"
            aria-label={t('datasets.labelOf', { label: fetchLabel, name: title })}
            onClick={onFetch}
          >
            {fetchLabel}
          </Button>
        )}
      </div>
      {(state === 'missing' || state === 'failed') && !canFetch && <p>{t('datasets.ask', { name })}</p>}
      <Credits dataset={dataset} />
    </li>
  );
}

export function DatasetsPanel() {
  const controller = useController();
  const { account } = useStatus();
  const guest = !account || account.id.startsWith('guest-');
  const [list, setList] = useState<DatasetList | null>(null);
  const load = useCallback(async () => {
    const found = await asking(datasets.all);
    if (found) setList(found);
  }, []);
  const waits = list?.datasets.some((one) => one.state === 'fetching') === true;
  useEffect(() => {
    if (!guest) void load();
  }, [guest, load]);
  useEffect(() => {
    if (!waits) return;
    const timer = setInterval(() => void load(), ASK_AGAIN_MS);
    return () => clearInterval(timer);
  }, [waits, load]);
  async function fetch(name: string) {
    await asking(() => datasets.fetch(name));
    await load();
  }
  return (
    <aside className="nb-comments-panel nb-datasets" aria-label={t('datasets.title')}>
      <div className="nb-comments-head">
        <h2>{t('datasets.title')}</h2>
        <IconButton
          size="sm"
          icon="close"
          label={t('datasets.close')}
          onClick={() => controller.ui.datasets.set(false)}
        />
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, also by the keyboard */}
      <div className="nb-datasets-body" tabIndex={0} role="group" aria-label={t('datasets.title')}>
        <p>{t(guest ? 'datasets.signIn' : 'datasets.intro')}</p>
        {!guest && !list && <Spinner size={20} label={t('datasets.title')} />}
        <ul>
          {list?.datasets.map((one) => (
            <Card key={one.name} dataset={one} canFetch={list.can_fetch} onFetch={() => void fetch(one.name)} />
          ))}
        </ul>
      </div>
    </aside>
  );
}
