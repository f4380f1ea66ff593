import { useCallback, useEffect, useState } from 'react';
import { type AccessRequest, type File, type GivenRole, type Permission, type Sharing, sharing } from '@labora/api';
import { Banner, Button, Dialog, Spinner, confirm, errorText, prompt, t, toast } from '@labora/ui';
import { copyLink } from '../list/actions';
import { filesChanged } from '../list/changes';
import { onNews } from '../notices/live';
import { AccessRequests } from '../share/AccessRequests';
import { AddRecipients, type Chosen } from '../share/AddRecipients';
import { GeneralAccess } from '../share/GeneralAccess';
import { PermissionEntry, nameOf } from '../share/PermissionEntry';
import { useAccount } from '../shell/account';
import '../share/messages';
import '../share/share.css';
import './dialogs.css';

const DAY_MS = 86_400_000;
/** Others may change the same rights: what is shown is looked up again this often. */
const AGAIN_MS = 5000;

export interface ShareDialogProps {
  file: File;
  onClose: () => void;
}

interface Shown {
  state: Sharing;
  requests: AccessRequest[];
}

/** The moment a permission ends, from days ahead or a date that is asked for; undefined when the person gives up. */
async function endFrom(days: number | null | 'ask', name: string): Promise<string | null | undefined> {
  if (days === null) return null;
  if (days !== 'ask') return new Date(Date.now() + days * DAY_MS).toISOString();
  const tomorrow = new Date(Date.now() + DAY_MS).toISOString().slice(0, 10);
  const answer = await prompt({
    title: t('share.ends.title', { name }),
    label: t('share.ends.field'),
    value: tomorrow,
    action: t('share.ends.set'),
  });
  if (answer === null) return undefined;
  // The whole of that day, where the person is.
  const end = new Date(`${answer}T23:59:59`);
  if (Number.isNaN(end.getTime()) || end.getTime() <= Date.now()) {
    toast({ kind: 'error', message: t('share.ends.past') });
    return undefined;
  }
  return end.toISOString();
}

/** Who may do what with a file: people, groups, addresses, the link; and those who ask. */
export function ShareDialog({ file, onClose }: ShareDialogProps) {
  const account = useAccount();
  const [shown, setShown] = useState<Shown | null>(null);
  const [error, setError] = useState<unknown>(null);
  const load = useCallback(async () => {
    const [state, requests] = await Promise.all([sharing.state(file.id), sharing.requests(file.id)]);
    setShown({ state, requests });
  }, [file.id]);
  useEffect(() => {
    load().catch(setError);
    const again = () => void load().catch(() => undefined);
    const timer = setInterval(() => document.visibilityState === 'visible' && again(), AGAIN_MS);
    const forget = onNews(again);
    return () => {
      clearInterval(timer);
      forget();
    };
  }, [load]);

  async function change(work: () => Promise<unknown>): Promise<boolean> {
    setError(null);
    try {
      await work();
      await load();
      filesChanged();
      return true;
    } catch (reason) {
      setError(reason);
      await load().catch(() => undefined);
      return false;
    }
  }

  async function give(chosen: Chosen[], role: GivenRole, options: { notify: boolean; message: string }) {
    const done = await change(() => Promise.all(chosen.map((one) => sharing.give(file.id, one.to, role, options))));
    const [first] = chosen;
    if (done && first) toast({ kind: 'ok', message: t('share.given', { count: chosen.length, name: first.name }) });
    return done;
  }

  async function passOn(permission: Permission) {
    const name = nameOf(permission);
    const agreed = await confirm({
      title: t('share.makeOwnerTitle', { name }),
      message: t('share.makeOwnerText'),
      action: t('share.makeOwnerAction'),
    });
    if (agreed) await change(() => sharing.change(file.id, permission.id, { role: 'owner' }));
  }

  async function end(permission: Permission, days: number | null | 'ask') {
    const moment = await endFrom(days, nameOf(permission));
    if (moment !== undefined) await change(() => sharing.change(file.id, permission.id, { expires_at: moment }));
  }

  async function decide(wish: AccessRequest, role: GivenRole | null) {
    const done = await change(() => sharing.decide(file.id, wish.id, role));
    if (done) toast({ kind: 'ok', message: t(role ? 'share.gave' : 'share.refused', { name: wish.account.name }) });
  }

  const permissions = shown?.state.permissions ?? [];
  const general = (one: Permission) => one.kind === 'domain' || one.kind === 'anyone';
  const listed = permissions.filter((one) => !general(one) || one.inherited_from !== null);
  const own = permissions.filter((one) => one.inherited_from === null);
  const taken = new Set(own.flatMap((one) => [one.account?.id ?? '', one.group?.id ?? '', one.email ?? '']));
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
      <AddRecipients taken={taken} onGive={give} />
      {error !== null && <Banner kind="error">{errorText(error)}</Banner>}
      {shown && <AccessRequests list={shown.requests} onDecide={(wish, role) => void decide(wish, role)} />}
      <section>
        <h3 className="share-heading">{t('share.who')}</h3>
        {!shown && error === null && <Spinner label={t('share.loading')} />}
        <ul className="share-list">
          {listed.map((permission) => (
            <PermissionEntry
              key={permission.id}
              permission={permission}
              mine={permission.account?.id === account?.id}
              mayPassOn={shown?.state.may_set ?? false}
              onRole={(role) => void change(() => sharing.change(file.id, permission.id, { role }))}
              onEnd={(days) => void end(permission, days)}
              onRemove={() => void change(() => sharing.remove(file.id, permission.id))}
              onOwner={() => void passOn(permission)}
            />
          ))}
        </ul>
      </section>
      {shown && (
        <GeneralAccess
          state={shown.state}
          folder={file.kind === 'folder'}
          onGeneral={(reach, role) => void change(() => sharing.setGeneral(file.id, reach, role))}
          onEditorsShare={(allowed) => void change(() => sharing.setEditorsShare(file.id, allowed))}
        />
      )}
      <p className="drive-note">{t('share.note')}</p>
    </Dialog>
  );
}
