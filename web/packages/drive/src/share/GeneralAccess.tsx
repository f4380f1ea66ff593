/** Who can open the link beside the people above: nobody, everybody signed in, or anyone. */
import { type GivenRole, type Permission, type Reach, type Sharing } from '@labora/api';
import { Icon, Select, t } from '@labora/ui';
import { givenRoles } from './AddRecipients';

interface GeneralProps {
  state: Sharing;
  folder: boolean;
  onGeneral: (reach: Reach, role: GivenRole | null) => void;
  onEditorsShare: (allowed: boolean) => void;
}

const reaches: Reach[] = ['restricted', 'domain', 'anyone'];
const isGeneral = (one: Permission) => one.kind === 'domain' || one.kind === 'anyone';

export function GeneralAccess({ state, folder, onGeneral, onEditorsShare }: GeneralProps) {
  const own = state.permissions.find((one) => isGeneral(one) && one.inherited_from === null);
  const reach: Reach = own?.kind === 'domain' || own?.kind === 'anyone' ? own.kind : 'restricted';
  const role: GivenRole = own && own.role !== 'owner' ? own.role : 'viewer';
  return (
    <section className="share-general">
      <h3 className="share-heading">{t('share.general')}</h3>
      <div className="share-entry">
        <span className="share-sign" data-reach={reach} style={{ width: 36, height: 36 }}>
          <Icon name={reach === 'restricted' ? 'lock' : reach === 'domain' ? 'group' : 'link'} size={20} />
        </span>
        <div className="share-person">
          {state.may_set ? (
            <Select
              hideLabel
              label={t('share.reach.label')}
              value={reach}
              options={reaches.map((value) => ({ value, label: t(`share.reach.${value}`) }))}
              onChange={(next) => onGeneral(next, next === 'restricted' ? null : role)}
            />
          ) : (
            <span>{t(`share.reach.${reach}`)}</span>
          )}
        </div>
        {own &&
          (state.may_set ? (
            <Select
              hideLabel
              label={t('share.reach.role')}
              value={role}
              options={givenRoles()}
              onChange={(next) => onGeneral(reach, next)}
            />
          ) : (
            <span className="share-role">{t(`share.role.${role}`)}</span>
          ))}
      </div>
      <p className="share-login share-reach-text">
        {t(`share.reach.${reach === 'anyone' && folder ? 'anyoneFolder' : reach}Text`)}
      </p>
      {state.may_set && (
        <label className="share-check">
          <input
            type="checkbox"
            checked={state.editors_share}
            onChange={(event) => onEditorsShare(event.target.checked)}
          />
          <span>
            {t('share.editorsShare')}
            <span className="share-login">{t('share.editorsShareText')}</span>
          </span>
        </label>
      )}
    </section>
  );
}
