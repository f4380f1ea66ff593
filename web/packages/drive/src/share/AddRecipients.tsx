/** A combo box of people, groups and addresses, chosen as chips; then a role, a message and whether they are told. */
import { type KeyboardEvent, useEffect, useId, useState } from 'react';
import { type GivenRole, type Recipient, type ShareOptions, api, groups } from '@labora/api';
import { Avatar, Button, Icon, Select, TextField, classes, t } from '@labora/ui';

export interface Chosen {
  key: string;
  name: string;
  note: string;
  to: Recipient;
  kind: 'person' | 'group' | 'email';
}

const ADDRESS = /^[^\s@]+@[^\s@]+\.[^\s@.]+$/;

export const givenRoles = (): { value: GivenRole; label: string }[] =>
  (['viewer', 'commenter', 'editor'] as const).map((value) => ({ value, label: t(`share.role.${value}`) }));

async function find(q: string, signal: AbortSignal): Promise<Chosen[]> {
  const [people, found] = await Promise.all([api.people(q, signal), groups.find(q, signal)]);
  const options: Chosen[] = [
    ...people.map((one): Chosen => ({
      key: one.id,
      name: one.name,
      note: one.login,
      to: { account_id: one.id },
      kind: 'person',
    })),
    ...found.map((one): Chosen => ({
      key: one.id,
      name: one.name,
      note: t('share.group', { count: one.members }),
      to: { group_id: one.id },
      kind: 'group',
    })),
  ];
  const address = q.toLowerCase();
  if (ADDRESS.test(q) && !people.some((one) => one.login === address))
    options.push({
      key: address,
      name: address,
      note: t('share.byMail'),
      to: { email: address },
      kind: 'email',
    });
  return options;
}

export function Sign({ kind, name, size = 28 }: { kind: Chosen['kind'] | 'link'; name: string; size?: number }) {
  if (kind === 'person') return <Avatar name={name} size={size} />;
  return (
    <span className="share-sign" style={{ width: size, height: size }}>
      <Icon name={kind === 'group' ? 'group' : kind === 'email' ? 'mail' : 'link'} size={Math.round(size * 0.56)} />
    </span>
  );
}

interface AddProps {
  /** Ids of accounts and groups, and addresses, that have a role on the file itself. */
  taken: Set<string>;
  onGive: (chosen: Chosen[], role: GivenRole, options: ShareOptions) => Promise<boolean>;
}

export function AddRecipients({ taken, onGive }: AddProps) {
  const listId = useId();
  const [text, setText] = useState('');
  const [role, setRole] = useState<GivenRole>('editor');
  const [chosen, setChosen] = useState<Chosen[]>([]);
  const [found, setFound] = useState<Chosen[] | null>(null);
  const [active, setActive] = useState(0);
  const [notify, setNotify] = useState(true);
  const [message, setMessage] = useState('');
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const q = text.trim();
    if (!q) return setFound(null);
    const control = new AbortController();
    const timer = setTimeout(() => {
      find(q, control.signal)
        .then((options) => {
          setFound(options);
          setActive(0);
        })
        .catch(() => undefined);
    }, 150);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [text]);

  const options = found?.filter((one) => !taken.has(one.key) && !chosen.some((other) => other.key === one.key)) ?? [];
  const open = found !== null;

  function pick(one: Chosen) {
    setChosen((before) => [...before, one]);
    setText('');
    setFound(null);
  }

  async function give() {
    // What is typed and fits one only is meant, too.
    const meant = options.length === 1 ? [...chosen, ...options] : chosen;
    if (meant.length === 0 || busy) return;
    setBusy(true);
    if (await onGive(meant, role, { notify, message: notify ? message.trim() : '' })) {
      setChosen([]);
      if (meant !== chosen) setText('');
      setMessage('');
    }
    setBusy(false);
  }

  function key(event: KeyboardEvent) {
    const one = options[active];
    if (event.key === 'ArrowDown') setActive(Math.min(active + 1, options.length - 1));
    else if (event.key === 'ArrowUp') setActive(Math.max(active - 1, 0));
    else if (event.key === 'Enter' && open && one) pick(one);
    else if (event.key === 'Enter') void give();
    else if (event.key === 'Escape' && open) setFound(null);
    else if (event.key === 'Backspace' && text === '' && chosen.length > 0) setChosen(chosen.slice(0, -1));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return (
    <div className="share-new">
      {chosen.length > 0 && (
        <ul className="share-chips" aria-label={t('share.add')}>
          {chosen.map((one) => (
            <li key={one.key} className="share-chip">
              <Sign kind={one.kind} name={one.name} size={22} />
              <span className="ui-truncate">{one.name}</span>
              <button
                type="button"
                aria-label={t('share.drop', { name: one.name })}
                onClick={() => setChosen(chosen.filter((other) => other !== one))}
              >
                <Icon name="close" size={16} />
              </button>
            </li>
          ))}
        </ul>
      )}
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
            aria-activedescendant={open && options[active] ? `${listId}-${active}` : undefined}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={key}
          />
          {open && (
            <div className="share-found">
              {options.length === 0 && (
                <p className="picker-note">{t(found.length ? 'share.allTaken' : 'share.nobody')}</p>
              )}
              <div id={listId} role="listbox" aria-label={t('share.add')}>
                {options.map((one, index) => (
                  <div
                    key={one.key}
                    id={`${listId}-${index}`}
                    role="option"
                    tabIndex={-1}
                    aria-selected={index === active}
                    className={classes('share-option', index === active && 'share-option-active')}
                    onPointerDown={(event) => event.preventDefault()}
                    onClick={() => pick(one)}
                  >
                    <Sign kind={one.kind} name={one.name} />
                    <span className="ui-truncate">{one.name}</span>
                    <span className="share-login ui-truncate">{one.note}</span>
                  </div>
                ))}
              </div>
            </div>
          )}
        </div>
        <Select label={t('share.mayBe')} hideLabel value={role} options={givenRoles()} onChange={setRole} />
        <Button
          variant="primary"
          busy={busy}
          disabled={chosen.length === 0 && options.length !== 1}
          onClick={() => void give()}
        >
          {t('share.action')}
        </Button>
      </div>
      {chosen.length > 0 && (
        <div className="share-tell">
          <label className="share-check">
            <input type="checkbox" checked={notify} onChange={(event) => setNotify(event.target.checked)} />
            {t('share.notify')}
          </label>
          {notify && (
            <textarea
              className="ui-input share-message"
              aria-label={t('share.message')}
              placeholder={t('share.messagePlaceholder')}
              maxLength={2000}
              rows={2}
              value={message}
              onChange={(event) => setMessage(event.target.value)}
            />
          )}
        </div>
      )}
    </div>
  );
}
