/** The bell in the top bar: how much is unread, and a panel with what the account was told. */
import { useCallback, useEffect, useState } from 'react';
import { type Notice, notices, sharing } from '@labora/api';
import {
  Avatar,
  Banner,
  Button,
  EmptyState,
  IconButton,
  Link,
  Popover,
  Spinner,
  errorText,
  formatWhen,
  hasMessage,
  navigate,
  t,
  toast,
} from '@labora/ui';
import { useAccount } from '../shell/account';
import { loginAddress } from '../shell/login';
import { onNews, setUnread, useUnread } from './live';
import '../share/messages';
import '../share/share.css';
import './messages';
import './notices.css';

/** The bell; who looks by a link without being signed in finds the way to do that in its place. */
export function NoticeBell() {
  const account = useAccount();
  if (account) return <Bell />;
  return <Button onClick={() => navigate(loginAddress())}>{t('notices.signIn')}</Button>;
}

function Bell() {
  const unread = useUnread();
  const [open, setOpen] = useState(false);
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <span className="notice-bell">
        <Popover.Trigger asChild>
          <IconButton
            icon="notifications"
            tooltip={false}
            label={unread ? t('notices.bellUnread', { count: unread }) : t('notices.bell')}
          />
        </Popover.Trigger>
        {unread > 0 && (
          <span className="notice-count" aria-hidden="true">
            {unread > 99 ? '99+' : unread}
          </span>
        )}
      </span>
      <Popover.Portal>
        <Popover.Content
          className="notice-panel"
          align="end"
          sideOffset={6}
          collisionPadding={8}
          aria-label={t('notices.title')}
        >
          <Panel onClose={() => setOpen(false)} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

interface Shown {
  list: Notice[];
  next: string | null;
}

function Panel({ onClose }: { onClose: () => void }) {
  const unread = useUnread();
  const [shown, setShown] = useState<Shown | null>(null);
  const [error, setError] = useState<unknown>(null);
  const load = useCallback(async () => {
    try {
      const page = await notices.page();
      setShown({ list: page.notifications, next: page.nextPageToken });
      setError(null);
    } catch (reason) {
      setError(reason);
    }
  }, []);
  useEffect(() => {
    void load();
    return onNews(() => void load());
  }, [load]);

  async function more(before: Shown) {
    if (!before.next) return;
    try {
      const page = await notices.page(before.next);
      setShown({ list: [...before.list, ...page.notifications], next: page.nextPageToken });
    } catch (reason) {
      setError(reason);
    }
  }

  async function read(ids?: string[]) {
    setShown((before) =>
      before
        ? { ...before, list: before.list.map((one) => (!ids || ids.includes(one.id) ? { ...one, read: true } : one)) }
        : before,
    );
    try {
      setUnread(await notices.read(ids));
    } catch (reason) {
      setError(reason);
    }
  }

  return (
    <>
      <div className="notice-head">
        <h2>{t('notices.title')}</h2>
        {unread > 0 && (
          <Button size="sm" variant="quiet" onClick={() => void read()}>
            {t('notices.allRead')}
          </Button>
        )}
      </div>
      {error !== null && <Banner kind="error">{errorText(error)}</Banner>}
      {!shown && error === null && (
        <div className="notice-wait">
          <Spinner label={t('notices.loading')} />
        </div>
      )}
      {shown?.list.length === 0 && (
        <EmptyState icon="notifications" title={t('notices.empty.title')}>
          {t('notices.empty.text')}
        </EmptyState>
      )}
      {shown && shown.list.length > 0 && (
        <ul className="notice-list" aria-label={t('notices.title')}>
          {shown.list.map((notice) => (
            <Entry
              key={notice.id}
              notice={notice}
              onOpen={() => {
                void read([notice.id]);
                onClose();
              }}
              onAnswered={() => {
                void read([notice.id]);
                void load();
              }}
            />
          ))}
          {shown.next && (
            <li className="notice-more">
              <Button size="sm" onClick={() => void more(shown)}>
                {t('notices.more')}
              </Button>
            </li>
          )}
        </ul>
      )}
    </>
  );
}

function textOf(notice: Notice): string {
  const key = `notices.kind.${notice.kind}`;
  const role = notice.details['role'];
  return t(hasMessage(key) ? key : 'notices.kind.unknown', {
    actor: notice.actor?.name ?? t('notices.somebody'),
    file: notice.file?.name ?? t('notices.something'),
    role: typeof role === 'string' ? t(`notices.role.${role}`) : '',
  });
}

interface EntryProps {
  notice: Notice;
  onOpen: () => void;
  onAnswered: () => void;
}

function Entry({ notice, onOpen, onAnswered }: EntryProps) {
  const { file, details } = notice;
  const quote = details['message'] ?? details['text'];
  const text = textOf(notice);
  const path = file?.kind === 'folder' ? `/folders/${file.id}` : `/drive/${file?.id}`;
  const said = details['reply_id'] ?? details['comment_id'];
  const href = typeof said === 'string' ? `${path}#comment=${encodeURIComponent(said)}` : path;
  return (
    <li className={notice.read ? 'notice' : 'notice notice-unread'}>
      <Avatar name={notice.actor?.name ?? '?'} {...(notice.actor ? { color: notice.actor.color } : {})} size={32} />
      <div className="notice-body">
        {file?.name ? (
          <Link href={href} onClick={onOpen}>
            {text}
          </Link>
        ) : (
          <span>{text}</span>
        )}
        {typeof quote === 'string' && quote !== '' && <span className="notice-quote">{quote}</span>}
        <span className="notice-when">
          {!notice.read && <span className="ui-hidden">{t('notices.unread')}: </span>}
          {formatWhen(notice.created_at)}
          {notice.answered && ` · ${t('notices.answered')}`}
        </span>
        {notice.kind === 'access_requested' && !notice.answered && file?.name && (
          <Answers notice={notice} fileId={file.id} onAnswered={onAnswered} />
        )}
      </div>
    </li>
  );
}

function Answers({ notice, fileId, onAnswered }: { notice: Notice; fileId: string; onAnswered: () => void }) {
  const [busy, setBusy] = useState(false);
  const role = notice.details['role'];
  const wish = notice.details['request_id'];
  async function answer(give: boolean) {
    if (typeof wish !== 'string') return;
    setBusy(true);
    try {
      const given = role === 'editor' || role === 'commenter' ? role : 'viewer';
      await sharing.decide(fileId, wish, give ? given : null);
      toast({ kind: 'ok', message: t(give ? 'notices.gave' : 'notices.refused') });
    } catch (reason) {
      toast({ kind: 'error', message: errorText(reason) });
    }
    setBusy(false);
    onAnswered();
  }
  return (
    <div className="notice-answers">
      <Button size="sm" variant="primary" busy={busy} onClick={() => void answer(true)}>
        {t('share.give')}
      </Button>
      <Button size="sm" disabled={busy} onClick={() => void answer(false)}>
        {t('share.refuse')}
      </Button>
    </div>
  );
}
