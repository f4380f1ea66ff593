/** What people say about a file that is no notebook. There is no room to tell of news: the page asks now and then. */
import { useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { api, type Comment, type File } from '@labora/api';
import { Button, Spinner, t, toast } from '@labora/ui';
import { useAccount } from '../shell/account';
import { CommentCard, type Reader, SendingText, useSending } from './CommentCard';
import { Composer } from './Composer';
import { byTime, commentOf, Comments, type CommentSource, linkedComment } from './model';
import './messages';
import './comments.css';

const ASK_MS = 15_000;

class AskedSource implements CommentSource {
  readonly #listeners = new Set<() => void>();
  #all: Readonly<Record<string, Comment>> = {};

  readonly all = (): Readonly<Record<string, Comment>> => this.#all;

  readonly on = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  put(id: string, comment: Comment | null): void {
    const next = { ...this.#all };
    if (comment) next[id] = comment;
    else delete next[id];
    this.set(next);
  }

  set(all: Readonly<Record<string, Comment>>): void {
    this.#all = all;
    for (const listener of this.#listeners) listener();
  }

  async ask(fileId: string, signal: AbortSignal): Promise<void> {
    const found: Comment[] = [];
    let token: string | undefined;
    do {
      const page = await api.comments(fileId, token, signal);
      found.push(...page.comments);
      token = page.nextPageToken ?? undefined;
    } while (token);
    this.set(Object.fromEntries(found.map((comment) => [comment.id, comment])));
  }
}

/** The comment that the address names, anew each time somebody comes for it. */
function linked(): { id: string } | null {
  const id = linkedComment();
  return id ? { id } : null;
}

export function FileComments({ file }: { file: File }) {
  const account = useAccount();
  const source = useMemo(() => new AskedSource(), []);
  const comments = useMemo(() => new Comments(file.id, source, account?.id), [file.id, source, account?.id]);
  const all = useSyncExternalStore(source.on, source.all);
  const sending = useSending(comments).filter((one) => one.answers === null);
  const [state, setState] = useState<'loading' | 'ready' | 'failed'>('loading');
  const [asks, setAsks] = useState(0);
  const [resolved, setResolved] = useState(false);
  const [sought, setSought] = useState(linked);
  const [active, setActive] = useState<string | null>(null);

  useEffect(() => {
    const control = new AbortController();
    const ask = () =>
      source.ask(file.id, control.signal).then(
        () => setState('ready'),
        () => control.signal.aborted || setState((before) => (before === 'ready' ? before : 'failed')),
      );
    void ask();
    const timer = setInterval(() => document.visibilityState === 'visible' && void ask(), ASK_MS);
    return () => {
      control.abort();
      clearInterval(timer);
    };
    // oxlint-disable-next-line react/exhaustive-effect-dependencies -- asked again when the person says so
  }, [file.id, source, asks]);

  useEffect(() => {
    const follow = () => setSought(linked());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  const found = sought ? commentOf(all, sought.id) : undefined;
  useEffect(() => {
    if (!sought || state !== 'ready') return;
    if (found?.resolved_at) setResolved(true);
    if (found) return setActive(found.id);
    toast({ message: t('comments.gone') });
    setSought(null);
    // oxlint-disable-next-line react/exhaustive-effect-dependencies, react-hooks/exhaustive-deps -- once a link, when the comments are there
  }, [sought, state]);

  const can = (ability: File['abilities'][number]) => file.abilities.includes(ability);
  const reader: Reader = {
    id: account?.id,
    canComment: can('comment'),
    canEdit: can('edit'),
    canShare: can('share'),
    isOwner: file.role === 'owner',
  };
  const every = Object.values(all).toSorted(byTime);
  const shown = every.filter((comment) => resolved || comment.resolved_at === null);
  const hidden = every.filter((comment) => comment.resolved_at !== null).length;
  return (
    <section className="file-comments" aria-labelledby="file-comments">
      <div className="file-comments-head">
        <h2 id="file-comments">{t('comments.title')}</h2>
        {hidden > 0 && (
          <label className="comment-toggle">
            <input type="checkbox" checked={resolved} onChange={(event) => setResolved(event.target.checked)} />
            {t('comments.withResolved', { count: hidden })}
          </label>
        )}
      </div>
      {state === 'loading' && <Spinner label={t('comments.loading')} />}
      {state === 'failed' && (
        <p className="comment-note" role="alert">
          {t('comments.failed')}{' '}
          <Button
            size="sm"
            onClick={() => {
              setState('loading');
              setAsks(asks + 1);
            }}
          >
            {t('comments.again')}
          </Button>
        </p>
      )}
      {state === 'ready' && shown.length + sending.length === 0 && (
        <p className="comment-note">{t(reader.canComment ? 'comments.empty.file' : 'comments.empty.read')}</p>
      )}
      {shown.map((comment) => (
        <CommentCard
          key={comment.id}
          comments={comments}
          comment={comment}
          reader={reader}
          sought={comment.id === found?.id ? sought : null}
          onShown={() => setSought(null)}
          active={comment.id === active}
        />
      ))}
      {sending.map((one) => (
        <div key={one.key} className="comment-card">
          <SendingText comments={comments} sending={one} />
        </div>
      ))}
      {reader.canComment && (
        <Composer
          fileId={file.id}
          draft={`${account?.id}.${file.id}.file`}
          label={t('comments.filePlaceholder')}
          placeholder={t('comments.filePlaceholder')}
          send={t('comments.send')}
          canShare={reader.canShare}
          onSend={(content) => void comments.send(content, {})}
        />
      )}
    </section>
  );
}
