/** One person, group, address or link of the list: the role, until when, and what can be done about it. */
import { type Permission, type Role } from '@labora/api';
import { IconButton, Menu, type MenuItem, Select, formatWhen, t } from '@labora/ui';
import { Sign, givenRoles } from './AddRecipients';

export interface EntryActions {
  onRole: (role: Role) => void;
  /** null: for good; `ask`: a date is to be asked for. */
  onEnd: (days: number | null | 'ask') => void;
  onRemove: () => void;
  onOwner: () => void;
}

interface EntryProps extends EntryActions {
  permission: Permission;
  mine: boolean;
  mayPassOn: boolean;
}

export function nameOf(permission: Permission): string {
  return permission.account?.name ?? permission.group?.name ?? permission.email ?? t(`share.kind.${permission.kind}`);
}

function noteOf(permission: Permission): string {
  const { inherited_from: from, inherited_name: folder, group } = permission;
  if (from) return folder ? t('share.inheritedFrom', { name: folder }) : t('share.inherited');
  if (group) return t('share.group', { count: group.members });
  return permission.login ?? (permission.email ? t('share.byMail') : '');
}

function menuOf({ permission, mayPassOn, onEnd, onRemove, onOwner }: EntryProps): MenuItem[] {
  const end = (id: string, days: number | null | 'ask'): MenuItem => ({
    id,
    label: t(`share.ends.${id}`),
    onSelect: () => onEnd(days),
  });
  return [
    { heading: t('share.ends.label') },
    end('day', 1),
    end('week', 7),
    end('month', 30),
    end('date', 'ask'),
    { id: 'never', label: t('share.ends.never'), checked: permission.expires_at === null, onSelect: () => onEnd(null) },
    'separator',
    ...(mayPassOn && permission.account
      ? [{ id: 'owner', label: t('share.makeOwner'), icon: 'shield_person' as const, onSelect: onOwner }]
      : []),
    { id: 'remove', label: t('share.remove'), icon: 'block', danger: true, onSelect: onRemove },
  ];
}

const isOver = (moment: string | null): boolean => moment !== null && Date.parse(moment) <= Date.now();

export function PermissionEntry(props: EntryProps) {
  const { permission, mine, onRole } = props;
  const name = nameOf(permission);
  const kind = permission.group || permission.kind === 'group' ? 'group' : permission.email ? 'email' : 'person';
  const link = permission.kind === 'domain' || permission.kind === 'anyone';
  const fixed = permission.role === 'owner' || permission.inherited_from !== null;
  const ended = isOver(permission.expires_at);
  return (
    <li className="share-entry" data-permission={permission.kind}>
      <Sign kind={link ? 'link' : kind} name={name} size={36} />
      <div className="share-person">
        <span className="ui-truncate">{mine ? t('share.you', { name }) : name}</span>
        <span className="share-login ui-truncate">{noteOf(permission)}</span>
        {permission.expires_at && (
          <span className="share-login">
            {t(ended ? 'share.ends.over' : 'share.ends.shown', { when: formatWhen(permission.expires_at) })}
          </span>
        )}
      </div>
      {fixed ? (
        <span className="share-role">{t(`share.role.${permission.role}`)}</span>
      ) : (
        <>
          <Select
            hideLabel
            label={t('share.roleOf', { name })}
            value={permission.role === 'owner' ? 'editor' : permission.role}
            options={givenRoles()}
            onChange={onRole}
          />
          <Menu
            align="end"
            trigger={<IconButton icon="more_vert" size="sm" label={t('share.more', { name })} tooltip={false} />}
            items={() => menuOf(props)}
          />
        </>
      )}
    </li>
  );
}
