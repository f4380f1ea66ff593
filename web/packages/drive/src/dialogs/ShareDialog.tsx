import { type KeyboardEvent, useCallback, useEffect, useId, useState } from 'react';
import { type File, type GivenRole, type Permission, type PersonWithLogin, type Role, api } from '@labora/api';
import {
  Avatar,
  Banner,
  Button,
  Dialog,
  IconButton,
  Select,
  Spinner,
  TextField,
  classes,
  errorText,
  t,
} from '@labora/ui';
import { copyLink } from '../list/actions';
import { filesChanged } from '../list/useListing';
import './dialogs.css';

type Given = 'editor' | 'viewer';
const roles = (): { value: Given; label: string }[] => [
  { value: 'editor', label: t('share.role.editor') },
  { value: 'viewer', label: t('share.role.viewer') },
];

export interface ShareDialogProps {
  file: File;
  onClose: () => void;
}

/** Who may see and edit a file, and inviting one more. */
export function ShareDialog({ file, onClose }: ShareDialogProps) {
  const [permissions, setPermissions] = useState<Permission[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const load = useCallback(async () => setPermissions(await api.permissions(file.id)), [file.id]);
  useEffect(() => {
    load().catch(setError);
  }, [load]);

  async function change(work: Promise<unknown>): Promise<boolean> {
    setError(null);
    try {
      await work;
      await load();
      filesChanged();
      return true;
    } catch (reason) {
      setError(reason);
      return false;
    }
  }

  const given = new Set(permissions?.flatMap((permission) => (permission.account ? [permission.account.id] : [])));
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('share.title', { name: file.name })}
      footer={
        <>
          <Button icon="link" className="share-link" onClick={() => void copyLink(file)}>
            {t('drive.action.copyLink')}
          </Button>
          <Button variant="primary" onClick={onClose}>
            {t('ui.done')}
          </Button>
        </>
      }
    >
      <AddPerson taken={given} onAdd={(person, role) => change(api.share(file.id, { account_id: person.id }, role))} />
      {error !== null && <Banner kind="error">{errorText(error)}</Banner>}
      <section>
        <h3 className="share-heading">{t('share.who')}</h3>
        {!permissions && error === null && <Spinner label={t('drive.loading')} />}
        <ul className="share-list">
          {permissions?.map((permission) => (
            <Entry
              key={permission.id}
              permission={permission}
              onRole={(role) => void change(api.changePermission(file.id, permission.id, role))}
              onRemove={() => void change(api.removePermission(file.id, permission.id))}
            />
          ))}
        </ul>
      </section>
      <p className="drive-note">{t('share.note')}</p>
    </Dialog>
  );
}

interface EntryProps {
  permission: Permission;
  onRole: (role: Role) => void;
  onRemove: () => void;
}

function Entry({ permission, onRole, onRemove }: EntryProps) {
  const name = permission.account?.name ?? t(`share.kind.${permission.kind}`);
  const fixed = permission.role === 'owner' || permission.inherited_from !== null || permission.role === 'commenter';
  return (
    <li className="share-entry">
      <Avatar name={name} size={36} />
      <div className="share-person">
        <span className="ui-truncate">{name}</span>
        <span className="share-login ui-truncate">
          {permission.inherited_from ? t('share.inherited') : permission.login}
        </span>
      </div>
      {fixed ? (
        <span className="share-role">{t(`share.role.${permission.role}`)}</span>
      ) : (
        <>
          <Select
            hideLabel
            label={t('share.roleOf', { name })}
            value={permission.role === 'editor' ? 'editor' : 'viewer'}
            options={roles()}
            onChange={onRole}
          />
          <IconButton icon="close" size="sm" label={t('share.remove', { name })} onClick={onRemove} />
        </>
      )}
    </li>
  );
}

interface AddPersonProps {
  taken: Set<string>;
  onAdd: (person: PersonWithLogin, role: GivenRole) => Promise<boolean>;
}

/** A combo box of people: type a name or sign-in name, choose, and say what they may do. */
function AddPerson({ taken, onAdd }: AddPersonProps) {
  const listId = useId();
  const [text, setText] = useState('');
  const [role, setRole] = useState<Given>('editor');
  const [found, setFound] = useState<PersonWithLogin[] | null>(null);
  const [active, setActive] = useState(0);
  const [chosen, setChosen] = useState<PersonWithLogin | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const q = text.trim();
    if (!q || chosen) return setFound(null);
    const control = new AbortController();
    const timer = setTimeout(() => {
      api
        .people(q, control.signal)
        .then((people) => {
          setFound(people);
          setActive(0);
        })
        .catch(() => undefined);
    }, 150);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [text, chosen]);

  const people = found?.filter((person) => !taken.has(person.id)) ?? [];
  const open = found !== null && !chosen;

  function pick(person: PersonWithLogin) {
    setChosen(person);
    setText(person.name);
    setFound(null);
  }

  async function add() {
    const person = chosen ?? (people.length === 1 ? people[0] : undefined);
    if (!person) return;
    setBusy(true);
    if (await onAdd(person, role)) {
      setText('');
      setChosen(null);
    }
    setBusy(false);
  }

  function key(event: KeyboardEvent) {
    const person = people[active];
    if (event.key === 'ArrowDown') setActive(Math.min(active + 1, people.length - 1));
    else if (event.key === 'ArrowUp') setActive(Math.max(active - 1, 0));
    else if (event.key === 'Enter' && open && person) pick(person);
    else if (event.key === 'Enter') void add();
    else if (event.key === 'Escape' && open) setFound(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return (
    <div className="share-add">
      <div className="share-search">
        <TextField
          label={t('share.add')}
          placeholder={t('share.placeholder')}
          value={text}
          autoComplete="off"
          spellCheck={false}
          role="combobox"
          aria-expanded={open}
          aria-controls={open ? listId : undefined}
          aria-autocomplete="list"
          aria-activedescendant={open && people[active] ? `${listId}-${active}` : undefined}
          onChange={(event) => {
            setChosen(null);
            setText(event.target.value);
          }}
          onKeyDown={key}
        />
        {open && (
          <div className="share-found">
            {people.length === 0 && (
              <p className="picker-note">{t(found.length ? 'share.allTaken' : 'share.nobody')}</p>
            )}
            <div id={listId} role="listbox" aria-label={t('share.add')}>
              {people.map((person, index) => (
                <div
                  key={person.id}
                  id={`${listId}-${index}`}
                  role="option"
                  tabIndex={-1}
                  aria-selected={index === active}
                  className={classes('share-option', index === active && 'share-option-active')}
                  onPointerDown={(event) => event.preventDefault()}
                  onClick={() => pick(person)}
                >
                  <Avatar name={person.name} size={28} />
                  <span className="ui-truncate">{person.name}</span>
                  <span className="share-login ui-truncate">{person.login}</span>
                </div>
              ))}
            </div>
          </div>
        )}
      </div>
      <Select label={t('share.mayBe')} hideLabel value={role} options={roles()} onChange={setRole} />
      <Button variant="primary" busy={busy} disabled={!chosen && people.length !== 1} onClick={() => void add()}>
        {t('share.action')}
      </Button>
    </div>
  );
}
