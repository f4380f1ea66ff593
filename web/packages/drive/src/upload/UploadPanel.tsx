import { useState, useSyncExternalStore } from 'react';
import { Icon, IconButton, Link, Progress, Spinner, formatBytes, t } from '@labora/ui';
import { type Upload, cancel, cancelAll, clearEnded, retry, subscribe, uploads } from './queue';
import './upload.css';

function Row({ item }: { item: Upload }) {
  const open = item.status === 'waiting' || item.status === 'sending';
  return (
    <li className="upload-row">
      <div className="upload-main">
        {item.fileId ? (
          <Link className="upload-name ui-truncate" href={`/drive/${item.fileId}`}>
            {item.name}
          </Link>
        ) : (
          <span className="upload-name ui-truncate">{item.name}</span>
        )}
        {item.status === 'sending' ? (
          <Progress
            value={item.size ? item.sent / item.size : null}
            label={t('upload.progress', { name: item.name })}
          />
        ) : (
          <span className={`upload-note upload-${item.status}`}>{item.error ?? t(`upload.${item.status}`)}</span>
        )}
        {item.status === 'sending' && (
          <span className="upload-note">
            {t('upload.sent', { sent: formatBytes(item.sent), size: formatBytes(item.size) })}
          </span>
        )}
      </div>
      {open && (
        <IconButton
          size="sm"
          icon="close"
          label={t('upload.cancel', { name: item.name })}
          onClick={() => cancel(item.id)}
        />
      )}
      {item.status === 'done' && <Icon name="check_circle-fill" className="upload-ok" />}
      {(item.status === 'failed' || item.status === 'cancelled') && (
        <IconButton
          size="sm"
          icon="refresh"
          label={t('upload.retry', { name: item.name })}
          onClick={() => retry(item.id)}
        />
      )}
    </li>
  );
}

/** The queue of uploads, in the corner as long as there is one. */
export function UploadPanel() {
  const list = useSyncExternalStore(subscribe, uploads);
  const [folded, setFolded] = useState(false);
  if (list.length === 0) return null;
  const open = list.filter((item) => item.status === 'waiting' || item.status === 'sending').length;
  const failed = list.filter((item) => item.status === 'failed').length;
  const title = open
    ? t('upload.title', { count: open })
    : failed
      ? t('upload.someFailed', { count: failed })
      : t('upload.ended');
  return (
    <section className="upload-panel" aria-label={t('upload.panel')}>
      <header>
        {open > 0 && <Spinner size={16} />}
        <strong role="status">{title}</strong>
        <IconButton
          size="sm"
          icon={folded ? 'keyboard_arrow_up' : 'keyboard_arrow_down'}
          label={folded ? t('upload.unfold') : t('upload.fold')}
          aria-expanded={!folded}
          onClick={() => setFolded(!folded)}
        />
        {open ? (
          <button type="button" className="ui-button ui-button-quiet ui-button-sm" onClick={cancelAll}>
            {t('upload.cancelAll')}
          </button>
        ) : (
          <IconButton size="sm" icon="close" label={t('ui.close')} onClick={clearEnded} />
        )}
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
