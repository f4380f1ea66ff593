import { useCallback, useEffect, useState } from 'react';
import { type MountGrant, api } from '@labora/api';
import { Button, Icon, Link, errorText, formatWhen, t, toast } from '@labora/ui';

const failed = (error: unknown) => toast({ kind: 'error', message: errorText(error) });

/** The notebooks that get this account's drive without asking; each can be made to ask again. */
export function MountGrants() {
  const [grants, setGrants] = useState<MountGrant[] | null>(null);
  const load = useCallback(() => api.mountGrants().then(setGrants).catch(failed), []);
  useEffect(() => void load(), [load]);

  async function revoke(grant: MountGrant) {
    await api.revokeMountGrant(grant.file_id).catch(failed);
    await load();
  }

  return (
    <ul className="rows">
      {grants?.map((grant) => (
        <li key={grant.file_id}>
          <Icon name="description" className="rows-icon" />
          <div className="rows-main">
            <Link href={`/drive/${grant.file_id}`} className="ui-truncate">
              {grant.name || t('settings.mountsUnknown')}
            </Link>
            <span className="rows-note">{t('settings.mountsSince', { when: formatWhen(grant.created_at) })}</span>
          </div>
          <Button
            size="sm"
            aria-label={t('settings.mountsRevoke', { name: grant.name || t('settings.mountsUnknown') })}
            onClick={() => void revoke(grant)}
          >
            {t('settings.revoke')}
          </Button>
        </li>
      ))}
      {grants?.length === 0 && <li className="rows-note">{t('settings.mountsNone')}</li>}
    </ul>
  );
}
