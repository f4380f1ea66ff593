import { useCallback, useEffect, useState } from 'react';
import { type AccountForOwner, type Invitation, api } from '@labora/api';
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
  Spinner,
  TextField,
  confirm,
  errorText,
  formatWhen,
  t,
  toast,
} from '@labora/ui';
import { CopyField } from './CopyField';
import './settings.css';

const failed = (error: unknown) => toast({ kind: 'error', message: errorText(error) });

interface Shown {
  title: string;
  text: string;
  url: string;
}

/** The owner's page: who has an account, invitations, reset links. */
export function PeoplePage() {
  const me = useAccount();
  const [accounts, setAccounts] = useState<AccountForOwner[] | null>(null);
  const [invitations, setInvitations] = useState<Invitation[]>([]);
  const [error, setError] = useState<unknown>(null);
  const [inviting, setInviting] = useState(false);
  const [link, setLink] = useState<Shown | null>(null);
  const isOwner = me?.is_owner ?? false;
  const load = useCallback(async () => {
    try {
      const [people, open] = await Promise.all([api.accounts(), api.invitations()]);
      setAccounts(people);
      setInvitations(open.filter((one) => !one.used_at && Date.parse(one.expires_at) > Date.now()));
      setError(null);
    } catch (reason) {
      setError(reason);
    }
  }, []);
  useEffect(() => {
    document.title = t('app.title', { page: t('people.title') });
    if (isOwner) void load();
  }, [isOwner, load]);

  async function reset(account: AccountForOwner) {
    try {
      const { url } = await api.resetLink(account.id);
      const { name } = account;
      setLink({ title: t('people.resetLinkTitle', { name }), text: t('people.resetLinkText', { name }), url });
    } catch (reason) {
      failed(reason);
    }
  }

  async function setDisabled(account: AccountForOwner, disabled: boolean) {
    const { name } = account;
    const agreed =
      !disabled ||
      (await confirm({
        title: t('people.disableTitle', { name }),
        message: t('people.disableText'),
        action: t('people.disableAction'),
        danger: true,
      }));
    if (!agreed) return;
    await api.setDisabled(account.id, disabled).catch(failed);
    await load();
  }

  return (
    <>
      <TopBar />
      <main className="settings" id="main">
        {isOwner ? (
          <>
            <div className="settings-head">
              <h1>{t('people.title')}</h1>
              <Button variant="primary" icon="person_add" onClick={() => setInviting(true)}>
                {t('people.invite')}
              </Button>
            </div>
            <p className="settings-text">{t('people.intro')}</p>
            {error !== null && <Banner kind="error">{errorText(error)}</Banner>}
            {!accounts && error === null && <Spinner label={t('app.loading')} />}
            <ul className="rows rows-card">
              {accounts?.map((account) => (
                <Person
                  key={account.id}
                  account={account}
                  mine={account.id === me?.id}
                  onReset={reset}
                  onDisable={setDisabled}
                />
              ))}
            </ul>
            {invitations.length > 0 && (
              <Invitations
                list={invitations}
                onWithdraw={(one) => void api.deleteInvitation(one.id).catch(failed).then(load)}
              />
            )}
          </>
        ) : (
          <EmptyState icon="lock" title={t('people.ownerOnly.title')}>
            {t('people.ownerOnly.text')}
          </EmptyState>
        )}
      </main>
      {inviting && (
        <InviteDialog
          onClose={() => setInviting(false)}
          onMade={(url) => {
            setInviting(false);
            setLink({ title: t('people.linkTitle'), text: t('people.inviteLinkText'), url });
            void load();
          }}
        />
      )}
      {link && (
        <Dialog
          open
          title={link.title}
          description={link.text}
          onClose={() => setLink(null)}
          footer={
            <Button variant="primary" onClick={() => setLink(null)}>
              {t('ui.done')}
            </Button>
          }
        >
          <CopyField label={t('people.link')} value={link.url} />
        </Dialog>
      )}
    </>
  );
}

interface PersonProps {
  account: AccountForOwner;
  mine: boolean;
  onReset: (account: AccountForOwner) => Promise<void>;
  onDisable: (account: AccountForOwner, disabled: boolean) => Promise<void>;
}

function Person({ account, mine, onReset, onDisable }: PersonProps) {
  const disabled = Boolean(account.disabled_at);
  const marks = [account.is_owner && t('people.owner'), mine && t('people.you'), disabled && t('people.disabled')];
  return (
    <li className={disabled ? 'rows-off' : undefined}>
      <Avatar name={account.name} color={account.color} size={36} />
      <div className="rows-main">
        <strong className="ui-truncate">{account.name}</strong>
        <span className="rows-note ui-truncate">{account.login}</span>
      </div>
      {marks
        .filter((mark) => mark !== false)
        .map((mark) => (
          <span key={mark} className="rows-mark">
            {mark}
          </span>
        ))}
      {!mine && (
        <Menu
          align="end"
          trigger={<IconButton icon="more_vert" label={t('people.actions', { name: account.name })} tooltip={false} />}
          items={[
            { id: 'reset', label: t('people.resetLink'), icon: 'password', onSelect: () => void onReset(account) },
            disabled
              ? {
                  id: 'enable',
                  label: t('people.enable'),
                  icon: 'check',
                  onSelect: () => void onDisable(account, false),
                }
              : {
                  id: 'disable',
                  label: t('people.disable'),
                  icon: 'block',
                  danger: true,
                  onSelect: () => void onDisable(account, true),
                },
          ]}
        />
      )}
    </li>
  );
}

function Invitations({ list, onWithdraw }: { list: Invitation[]; onWithdraw: (one: Invitation) => void }) {
  return (
    <section>
      <h2 className="settings-heading">{t('people.open')}</h2>
      <ul className="rows rows-card">
        {list.map((one) => (
          <li key={one.id}>
            <Icon name="link" className="rows-icon" />
            <div className="rows-main">
              <strong className="ui-truncate">{one.label || t('people.unnamed')}</strong>
              <span className="rows-note">
                {t('people.openFor', { when: formatWhen(one.created_at), ends: formatWhen(one.expires_at) })}
              </span>
            </div>
            <Button size="sm" aria-label={t('people.withdrawOf', { name: one.label })} onClick={() => onWithdraw(one)}>
              {t('people.withdraw')}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function InviteDialog({ onClose, onMade }: { onClose: () => void; onMade: (url: string) => void }) {
  const [label, setLabel] = useState('');
  const [busy, setBusy] = useState(false);
  async function make() {
    setBusy(true);
    try {
      onMade((await api.invite(label.trim())).url);
    } catch (reason) {
      failed(reason);
      setBusy(false);
    }
  }
  return (
    <Dialog
      open
      size="sm"
      title={t('people.inviteTitle')}
      onClose={onClose}
      onSubmit={() => void make()}
      footer={
        <>
          <Button onClick={onClose}>{t('ui.cancel')}</Button>
          <Button type="submit" variant="primary" busy={busy}>
            {t('people.inviteAction')}
          </Button>
        </>
      }
    >
      <TextField
        label={t('people.inviteLabel')}
        placeholder={t('people.invitePlaceholder')}
        hint={t('people.inviteHint')}
        value={label}
        autoComplete="off"
        onChange={(event) => setLabel(event.target.value)}
      />
    </Dialog>
  );
}
