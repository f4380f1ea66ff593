/** Groups: the owner of the server makes them, managers fill them, members see who is in. */
import { useCallback, useEffect, useState } from 'react';
import { type Group, type GroupWithMembers, type PersonWithLogin, api, groups } from '@labora/api';
import { TopBar, useAccount } from '@labora/drive/shell';
import {
  Avatar,
  Banner,
  Button,
  Dialog,
  EmptyState,
  Icon,
  IconButton,
  Menu,
  type MenuItem,
  Spinner,
  TextField,
  confirm,
  errorText,
  prompt,
  t,
  toast,
} from '@labora/ui';
import './groups-messages';
import './settings.css';

const failed = (error: unknown) => toast({ kind: 'error', message: errorText(error) });

export function GroupsPage() {
  const me = useAccount();
  const [list, setList] = useState<Group[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [open, setOpen] = useState<Group | null>(null);
  const isOwner = me?.is_owner ?? false;
  const load = useCallback(async () => {
    try {
      setList((await groups.find('')).filter((group) => group.member || group.manages));
      setError(null);
    } catch (reason) {
      setError(reason);
    }
  }, []);
  useEffect(() => {
    document.title = t('app.title', { page: t('groups.title') });
    void load();
  }, [load]);

  async function make() {
    const name = await prompt({ title: t('groups.new'), label: t('groups.name'), action: t('groups.make') });
    if (name === null) return;
    try {
      const group = await groups.make(name);
      await load();
      setOpen(group);
    } catch (reason) {
      failed(reason);
    }
  }

  return (
    <>
      <TopBar />
      <main className="settings" id="main">
        <div className="settings-head">
          <h1>{t('groups.title')}</h1>
          {isOwner && (
            <Button variant="primary" icon="group_add" onClick={() => void make()}>
              {t('groups.new')}
            </Button>
          )}
        </div>
        <p className="settings-text">{t('groups.intro')}</p>
        {error !== null && <Banner kind="error">{errorText(error)}</Banner>}
        {!list && error === null && <Spinner label={t('app.loading')} />}
        {list?.length === 0 && (
          <EmptyState icon="group" title={t('groups.empty.title')}>
            {t(isOwner ? 'groups.empty.owner' : 'groups.empty.text')}
          </EmptyState>
        )}
        <ul className="rows rows-card">
          {list?.map((group) => (
            <li key={group.id}>
              <Icon name="group" className="rows-icon" />
              <div className="rows-main">
                <strong className="ui-truncate">{group.name}</strong>
                <span className="rows-note">{t('groups.members', { count: group.members })}</span>
              </div>
              {group.manages && !isOwner && <span className="rows-mark">{t('groups.manager')}</span>}
              <Button size="sm" aria-label={t('groups.openOf', { name: group.name })} onClick={() => setOpen(group)}>
                {t('groups.open')}
              </Button>
            </li>
          ))}
        </ul>
      </main>
      {open && (
        <GroupDialog
          group={open}
          onClose={() => {
            setOpen(null);
            void load();
          }}
        />
      )}
    </>
  );
}

function GroupDialog({ group: first, onClose }: { group: Group; onClose: () => void }) {
  const me = useAccount();
  const [group, setGroup] = useState<GroupWithMembers | null>(null);
  const [error, setError] = useState<unknown>(null);
  const { id } = first;
  useEffect(() => {
    groups.get(id).then(setGroup).catch(setError);
  }, [id]);

  async function change(work: () => Promise<unknown>, gone = false) {
    setError(null);
    try {
      await work();
      if (gone) onClose();
      else setGroup(await groups.get(id));
    } catch (reason) {
      setError(reason);
    }
  }

  async function rename() {
    const name = await prompt({
      title: t('groups.rename'),
      label: t('groups.name'),
      value: group?.name ?? first.name,
      action: t('ui.save'),
    });
    if (name !== null) await change(() => groups.rename(id, name));
  }

  async function remove() {
    const { name } = group ?? first;
    const agreed = await confirm({
      title: t('groups.deleteTitle', { name }),
      message: t('groups.deleteText'),
      action: t('groups.delete'),
      danger: true,
    });
    if (agreed) await change(() => groups.remove(id), true);
  }

  function actionsOf(member: GroupWithMembers['people'][number]): MenuItem[] {
    const { is_manager: manager, id: account } = member;
    return [
      {
        id: 'manager',
        label: t(manager ? 'groups.noManager' : 'groups.makeManager'),
        icon: 'manage_accounts',
        onSelect: () => void change(() => groups.putMember(id, account, !manager)),
      },
      {
        id: 'remove',
        label: t('groups.takeOut'),
        icon: 'block',
        danger: true,
        onSelect: () => void change(() => groups.removeMember(id, account), account === me?.id && !me.is_owner),
      },
    ];
  }

  const manages = group?.manages ?? false;
  return (
    <Dialog
      open
      title={group?.name ?? first.name}
      onClose={onClose}
      footer={
        <>
          {me?.is_owner && (
            <Button className="share-link" icon="delete" onClick={() => void remove()}>
              {t('groups.delete')}
            </Button>
          )}
          {group?.member && !manages && me && (
            <Button className="share-link" onClick={() => void change(() => groups.removeMember(id, me.id), true)}>
              {t('groups.leave')}
            </Button>
          )}
          {manages && (
            <Button icon="edit" onClick={() => void rename()}>
              {t('groups.rename')}
            </Button>
          )}
          <Button variant="primary" onClick={onClose}>
            {t('ui.done')}
          </Button>
        </>
      }
    >
      {manages && group && (
        <AddMember
          taken={new Set(group.people.map((member) => member.id))}
          onAdd={(person) => void change(() => groups.putMember(id, person.id, false))}
        />
      )}
      {error !== null && <Banner kind="error">{errorText(error)}</Banner>}
      {!group && error === null && <Spinner label={t('app.loading')} />}
      {group?.people.length === 0 && <p className="settings-text">{t('groups.nobody')}</p>}
      <ul className="rows" aria-label={t('groups.who')}>
        {group?.people.map((member) => (
          <li key={member.id}>
            <Avatar name={member.name} color={member.color} size={36} />
            <div className="rows-main">
              <strong className="ui-truncate">{member.name}</strong>
              <span className="rows-note ui-truncate">{member.login}</span>
            </div>
            {member.is_manager && <span className="rows-mark">{t('groups.manager')}</span>}
            {manages && (
              <Menu
                align="end"
                trigger={
                  <IconButton
                    icon="more_vert"
                    size="sm"
                    label={t('groups.actions', { name: member.name })}
                    tooltip={false}
                  />
                }
                items={() => actionsOf(member)}
              />
            )}
          </li>
        ))}
      </ul>
    </Dialog>
  );
}

function AddMember({ taken, onAdd }: { taken: Set<string>; onAdd: (person: PersonWithLogin) => void }) {
  const [text, setText] = useState('');
  const [found, setFound] = useState<PersonWithLogin[]>([]);
  const q = text.trim();
  useEffect(() => {
    if (!q) return setFound([]);
    const control = new AbortController();
    const timer = setTimeout(() => {
      Promise.all([api.people(q, control.signal), api.me()])
        .then(([people, me]) => {
          const self = `${me.name} ${me.login}`.toLowerCase().includes(q.toLowerCase());
          setFound([...people, ...(self ? [me] : [])]);
        })
        .catch(() => undefined);
    }, 150);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [q]);
  const options = found.filter((person) => !taken.has(person.id));
  return (
    <div>
      <TextField
        label={t('groups.add')}
        placeholder={t('groups.placeholder')}
        value={text}
        autoComplete="off"
        onChange={(event) => setText(event.target.value)}
      />
      <ul className="rows" aria-label={t('groups.found')}>
        {options.slice(0, 5).map((person) => (
          <li key={person.id}>
            <Avatar name={person.name} color={person.color} size={28} />
            <div className="rows-main">
              <span className="ui-truncate">{person.name}</span>
              <span className="rows-note ui-truncate">{person.login}</span>
            </div>
            <Button
              size="sm"
              aria-label={t('groups.putIn', { name: person.name })}
              onClick={() => {
                setText('');
                onAdd(person);
              }}
            >
              {t('groups.addAction')}
            </Button>
          </li>
        ))}
      </ul>
    </div>
  );
}
