/** Those who ask for access to a file, each with a role and two answers. */
import { useState } from 'react';
import { type AccessRequest, type GivenRole } from '@labora/api';
import { Avatar, Button, Select, t } from '@labora/ui';
import { givenRoles } from './AddRecipients';

interface RequestsProps {
  list: AccessRequest[];
  onDecide: (wish: AccessRequest, role: GivenRole | null) => void;
}

export function AccessRequests({ list, onDecide }: RequestsProps) {
  if (list.length === 0) return null;
  return (
    <section className="share-requests">
      <h3 className="share-heading">{t('share.requests')}</h3>
      <ul className="share-list">
        {list.map((wish) => (
          <Wish key={wish.id} wish={wish} onDecide={onDecide} />
        ))}
      </ul>
    </section>
  );
}

function Wish({ wish, onDecide }: { wish: AccessRequest; onDecide: RequestsProps['onDecide'] }) {
  const asked: GivenRole = wish.role === 'owner' ? 'editor' : wish.role;
  const [role, setRole] = useState<GivenRole>(asked);
  const { name } = wish.account;
  return (
    <li className="share-wish">
      <Avatar name={name} color={wish.account.color} size={36} />
      <div className="share-person">
        <span>{t('share.asks', { name, role: t(`share.as.${asked}`) })}</span>
        <span className="share-login ui-truncate">{wish.login}</span>
        {wish.message && <span className="share-quote">{wish.message}</span>}
      </div>
      <div className="share-answers">
        <Select hideLabel label={t('share.roleOf', { name })} value={role} options={givenRoles()} onChange={setRole} />
        <Button size="sm" onClick={() => onDecide(wish, null)}>
          {t('share.refuse')}
        </Button>
        <Button size="sm" variant="primary" onClick={() => onDecide(wish, role)}>
          {t('share.give')}
        </Button>
      </div>
    </li>
  );
}
