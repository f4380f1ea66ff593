import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { Button, Icon, IconButton, Link, Progress, Spinner, formatBytes, formatDuration, t } from '@labora/ui';
import { useAccount } from '../shell';
import {
  type Upload,
  cancel,
  cancelAll,
  choose,
  clearEnded,
  findLeft,
  pause,
  resume,
  retry,
  subscribe,
  uploads,
} from './queue';
import './messages';
import './upload.css';

/** What is said below the name. */
function note(item: Upload): string {
  const values = { sent: formatBytes(item.sent), size: formatBytes(item.size) };
  if (item.status === 'sending' && item.speed) {
    const left = formatDuration(Math.max(1, (item.size - item.sent) / item.speed));
    return t('upload.pace', { ...values, speed: formatBytes(item.speed), left });
  }
  if (item.status === 'sending') return t('upload.sent', values);
  return item.error ?? t(`upload.${item.status}`, values);
}

function Buttons({ item }: { item: Upload }) {
  const picker = useRef<HTMLInputElement>(null);
  const { id, name, status } = item;
  const running = status === 'waiting' || status === 'sending' || status === 'offline';
  const ended = status === 'failed' || status === 'cancelled';
  return (
    <>
      {running && item.inPieces && (
        <IconButton size="sm" icon="pause" label={t('upload.pause', { name })} onClick={() => pause(id)} />
      )}
      {status === 'paused' && (
        <IconButton size="sm" icon="play_arrow" label={t('upload.resume', { name })} onClick={() => resume(id)} />
      )}
      {status === 'left' && (
        <>
          <Button size="sm" aria-label={t('upload.chooseFor', { name })} onClick={() => picker.current?.click()}>
            {t('upload.choose')}
          </Button>
          <input
            ref={picker}
            type="file"
            hidden
            aria-label={t('upload.chooseFor', { name })}
            onChange={(event) => {
              const [file] = event.target.files ?? [];
              if (file) choose(id, file);
              event.target.value = '';
            }}
          />
        </>
      )}
      {(running || status === 'paused') && (
        <IconButton size="sm" icon="close" label={t('upload.cancel', { name })} onClick={() => cancel(id)} />
      )}
      {status === 'left' && (
        <IconButton size="sm" icon="delete" label={t('upload.forget', { name })} onClick={() => cancel(id)} />
      )}
      {status === 'done' && <Icon name="check_circle-fill" className="upload-ok" />}
      {ended && <IconButton size="sm" icon="refresh" label={t('upload.retry', { name })} onClick={() => retry(id)} />}
    </>
  );
}

function Row({ item }: { item: Upload }) {
  const moving = ['sending', 'offline', 'paused', 'left'].includes(item.status);
  return (
    <li className="upload-row" data-status={item.status}>
      <div className="upload-main">
        {item.fileId ? (
          <Link className="upload-name ui-truncate" href={`/drive/${item.fileId}`}>
            {item.name}
          </Link>
        ) : (
          <span className="upload-name ui-truncate">{item.name}</span>
        )}
        {moving && (
          <Progress
            value={item.size ? item.sent / item.size : null}
            label={t('upload.progress', { name: item.name })}
          />
        )}
        <span className={`upload-note upload-${item.status}`}>{note(item)}</span>
      </div>
      <Buttons item={item} />
    </li>
  );
}

function headline(list: Upload[], open: number): string {
  const counted = (status: Upload['status']) => list.filter((item) => item.status === status).length;
  if (open) return t('upload.title', { count: open });
  if (counted('failed')) return t('upload.someFailed', { count: counted('failed') });
  const left = counted('left') + counted('paused');
  return left ? t('upload.someLeft', { count: left }) : t('upload.ended');
}

/** The queue of uploads, in the corner as long as there is one. */
export function UploadPanel() {
  const list = useSyncExternalStore(subscribe, uploads);
  const account = useAccount();
  const [folded, setFolded] = useState(false);
  useEffect(() => {
    // Without an answer nothing is offered; the next page asks again.
    if (account) findLeft(account.id).catch(() => undefined);
  }, [account]);
  if (list.length === 0) return null;
  const open = list.filter((item) => ['waiting', 'sending', 'offline'].includes(item.status)).length;
  const ended = list.some((item) => ['done', 'failed', 'cancelled'].includes(item.status));
  return (
    <section className="upload-panel" aria-label={t('upload.panel')}>
      <header>
        {open > 0 && <Spinner size={16} />}
        <strong role="status">{headline(list, open)}</strong>
        <IconButton
          size="sm"
          icon={folded ? 'keyboard_arrow_up' : 'keyboard_arrow_down'}
          label={folded ? t('upload.unfold') : t('upload.fold')}
          aria-expanded={!folded}
          onClick={() => setFolded(!folded)}
        />
        {open > 0 && (
          <button type="button" className="ui-button ui-button-quiet ui-button-sm" onClick={cancelAll}>
            {t('upload.cancelAll')}
          </button>
        )}
        {open === 0 && ended && <IconButton size="sm" icon="close" label={t('ui.close')} onClick={clearEnded} />}
      </header>
      {!folded && (
        <ul>
          {list.map((item) => (
            <Row key={item.id} item={item} />
          ))}
        </ul>
      )}
    </section>
  );
}
