/** The account's secrets, and which of them this notebook may read. */
import { useCallback, useEffect, useState } from 'react';
import { type Secret, secrets } from '@labora/api';
import { Button, confirm, copyText, IconButton, t, toast } from '@labora/ui';
import { asking } from '../model/commands';
import { useCanEdit, useController, useStatus } from '../model/context';
import { EnvDialog } from './EnvDialog';
import { SecretDialog } from './SecretDialog';
import './messages';
import './secrets.css';

const codeOf = (name: string): string =>
  `from google.colab import userdata\nuserdata.get(${JSON.stringify(name).replaceAll("'", "\\'").replace(/^"|"$/g, "'")})`;

const REVEALED_MS = 30_000;

type Open = { kind: 'edit'; secret: Secret | null; name: string } | { kind: 'env' } | null;

interface RowProps {
  secret: Secret;
  editable: boolean;
  onChanged: () => void;
  onEdit: () => void;
}

function Row({ secret, editable, onChanged, onEdit }: RowProps) {
  const { fileId } = useController();
  const [revealed, setRevealed] = useState<{ value: string; of: string } | null>(null);
  const { name } = secret;
  const granted = secret.notebooks.some((one) => one.file_id === fileId);
  const others = secret.notebooks.length - (granted ? 1 : 0);
  // What was revealed is neither left standing nor shown once it is another.
  const value = revealed?.of === secret.updated_at ? revealed.value : null;
  useEffect(() => {
    if (revealed === null) return;
    const timer = setTimeout(() => setRevealed(null), REVEALED_MS);
    return () => clearTimeout(timer);
  }, [revealed]);
  async function toggle(on: boolean) {
    await asking(() => (on ? secrets.grant(fileId, name) : secrets.revoke(fileId, name)));
    onChanged();
  }
  async function show() {
    if (value !== null) return setRevealed(null);
    const found = await asking(() => secrets.reveal(name));
    setRevealed(found === null ? null : { value: found, of: secret.updated_at });
  }
  async function remove() {
    const question = {
      title: t('secrets.deleteTitle', { name }),
      message: t('secrets.deleteText'),
      action: t('secrets.deleteAction'),
      danger: true,
    };
    if (!(await confirm(question))) return;
    await asking(() => secrets.remove(name));
    onChanged();
  }
  async function copy() {
    if (await copyText(codeOf(name))) toast({ message: t('secrets.copied'), kind: 'ok' });
  }
  return (
    <li className="nb-secret">
      <div className="nb-secret-top">
        <input
          type="checkbox"
          role="switch"
          className="nb-switch"
          aria-label={t('secrets.accessOf', { name })}
          checked={granted}
          aria-checked={granted}
          disabled={!editable && !granted}
          onChange={(event) => void toggle(event.target.checked)}
        />
        <span className="nb-secret-name" title={name}>
          {name}
        </span>
        <IconButton
          size="sm"
          icon={value === null ? 'visibility' : 'visibility_off'}
          label={t(value === null ? 'secrets.reveal' : 'secrets.hide', { name })}
          disabled={!secret.readable}
          onClick={() => void show()}
        />
        <IconButton size="sm" icon="content_copy" label={t('secrets.copy', { name })} onClick={() => void copy()} />
        <IconButton size="sm" icon="edit" label={t('secrets.edit', { name })} onClick={onEdit} />
        <IconButton size="sm" icon="delete" label={t('secrets.delete', { name })} onClick={() => void remove()} />
      </div>
      {value !== null && <code className="nb-secret-value">{value}</code>}
      {!secret.readable && <p className="nb-secret-bad">{t('secrets.unreadable')}</p>}
      {others > 0 && <p className="nb-secret-note">{t('secrets.others', { count: others })}</p>}
    </li>
  );
}

/** `wanted`: each new one asks for what it names, also while the panel is open. */
export function SecretsPanel({ wanted }: { wanted: { add: string | null } }) {
  const controller = useController();
  const { account } = useStatus();
  const editable = useCanEdit();
  const guest = account?.id.startsWith('guest-') === true;
  const [list, setList] = useState<Secret[] | null>(null);
  const [open, setOpen] = useState<Open>(null);
  useEffect(() => {
    if (wanted.add !== null) setOpen({ kind: 'edit', secret: null, name: wanted.add });
  }, [wanted]);
  const load = useCallback(() => void asking(secrets.all).then((found) => found && setList(found)), []);
  useEffect(() => {
    if (!guest) load();
  }, [guest, load]);
  function close() {
    setOpen(null);
    load();
  }
  const granting = editable ? controller.fileId : null;
  return (
    <aside className="nb-comments-panel nb-secrets" aria-label={t('secrets.title')}>
      <div className="nb-comments-head">
        <h2>{t('secrets.title')}</h2>
        <IconButton size="sm" icon="close" label={t('secrets.close')} onClick={() => controller.ui.secrets.set(null)} />
      </div>
      <div className="nb-secrets-body">
        <p>{t(guest ? 'secrets.signIn' : editable ? 'secrets.intro' : 'secrets.noRun')}</p>
        {!guest && (
          <div className="nb-secrets-actions">
            <Button size="sm" icon="add" onClick={() => setOpen({ kind: 'edit', secret: null, name: '' })}>
              {t('secrets.add')}
            </Button>
            <Button size="sm" variant="quiet" icon="upload" onClick={() => setOpen({ kind: 'env' })}>
              {t('secrets.import')}
            </Button>
          </div>
        )}
        {list?.length === 0 && <p>{t('secrets.empty')}</p>}
        {list && list.length > 0 && (
          <>
            <h3>{t('secrets.access')}</h3>
            <ul>
              {list.map((secret) => (
                <Row
                  key={secret.name}
                  secret={secret}
                  editable={editable}
                  onChanged={load}
                  onEdit={() => setOpen({ kind: 'edit', secret, name: secret.name })}
                />
              ))}
            </ul>
          </>
        )}
        {!guest && (
          <>
            <h3>{t('secrets.code')}</h3>
            <pre className="nb-secrets-code" aria-label={t('secrets.codeLabel')}>
              {codeOf(list?.[0]?.name ?? 'NAME')}
            </pre>
          </>
        )}
      </div>
      {open?.kind === 'edit' && <SecretDialog secret={open.secret} name={open.name} grant={granting} onClose={close} />}
      {open?.kind === 'env' && <EnvDialog grant={granting} onClose={close} />}
    </aside>
  );
}
