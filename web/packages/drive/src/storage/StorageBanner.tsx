import { Banner, HIGH, Link, formatBytes, t } from '@labora/ui';
import { useAbout } from './useAbout';
import './messages';

/** Says when little or nothing is left of the account's storage, and what would free some. */
export function StorageBanner() {
  const about = useAbout();
  if (!about || about.limit_bytes === null) return null;
  const { usage, limit_bytes: limit } = about;
  const share = limit === 0 ? 1 : usage.total_bytes / limit;
  if (share < HIGH) return null;
  const full = share >= 0.995;
  const values = { used: formatBytes(usage.total_bytes), limit: formatBytes(limit) };
  return (
    <div className="preparation" data-storage={full ? 'full' : 'high'}>
      <Banner
        kind={full ? 'error' : 'warn'}
        title={full ? t('storage.full') : t('storage.high', { percent: Math.floor(share * 100) })}
      >
        <p>
          {t('storage.used', values)} {full && `${t('storage.fullText')} `}
          {usage.trash_bytes > 0 && (
            <>
              {t('storage.trash', { size: formatBytes(usage.trash_bytes) })}
              <Link href="/trash">{t('storage.toTrash')}</Link>.
            </>
          )}
        </p>
      </Banner>
    </div>
  );
}

/** Says on the page of the trash how long it keeps what is in it. */
export function TrashNote() {
  const about = useAbout();
  if (!about) return <p className="drive-note">&nbsp;</p>;
  const text = about.trash_days ? t('storage.trashDays', { count: about.trash_days }) : t('storage.trashKept');
  return <p className="drive-note">{text}</p>;
}
