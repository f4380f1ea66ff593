import { Link, formatBytes, levelOf, shareOf, t } from '@labora/ui';
import { useAbout } from './storage/useAbout';

/** How much of the storage is in use; nothing where the server does not tell. */
export function StorageBar() {
  const use = useAbout();
  if (!use) return null;
  const { usage, limit_bytes: limit } = use;
  const share = shareOf(usage.total_bytes, limit);
  const used = formatBytes(usage.total_bytes);
  const text =
    limit === null ? t('files.storage.used', { used }) : t('files.storage.of', { used, limit: formatBytes(limit) });
  return (
    <div className="storage" data-level={levelOf(share)}>
      <h2 className="ui-hidden">{t('files.storage.title')}</h2>
      {share !== null && (
        <div
          className="storage-bar"
          role="meter"
          aria-label={t('files.storage.title')}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.round(share * 100)}
          aria-valuetext={text}
        >
          <span style={{ width: `${share * 100}%` }} />
        </div>
      )}
      <p>{text}</p>
      {usage.trash_bytes > 0 && (
        <Link href="/trash">{t('files.storage.trash', { size: formatBytes(usage.trash_bytes) })}</Link>
      )}
    </div>
  );
}
