/** A comment with its replies: read, answered, resolved, changed. */
import { type ReactNode, useLayoutEffect, useRef, useState, useSyncExternalStore } from 'react';
import type { Comment, CommentReply } from '@labora/api';
import {
  Avatar,
  Button,
  classes,
  confirm,
  copyText,
  errorText,
  formatDateTime,
  formatWhen,
  IconButton,
  Menu,
  type MenuItem,
  t,
  toast,
} from '@labora/ui';
import { CommentText } from './CommentText';
import { Composer } from './Composer';
import type { Comments, Sending } from './model';

/** Who looks, and what they may do here. */
export interface Reader {
  id: string | undefined;
  canComment: boolean;
  canEdit: boolean;
  canShare: boolean;
  isOwner: boolean;
}

export interface CommentCardProps {
  comments: Comments;
  comment: Comment;
  reader: Reader;
  /** Where it stands, above the text. */
  place?: ReactNode;
  /** Came here on purpose: the card shows itself and takes the focus, once for each object. */
  sought?: object | null;
  /** It did. */
  onShown?: () => void;
  active?: boolean;
  onActivate?: () => void;
}

type Text = Pick<CommentReply, 'id' | 'author' | 'content' | 'created_at' | 'edited_at' | 'deleted'>;

export async function trying(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (reason) {
    toast({ message: errorText(reason), kind: 'error' });
  }
}

export const useSending = (comments: Comments): readonly Sending[] =>
  useSyncExternalStore(comments.onSending, comments.sending);

export function CommentCard({
  comments,
  comment,
  reader,
  place,
  sought,
  onShown,
  active,
  onActivate,
}: CommentCardProps) {
  const card = useRef<HTMLElement>(null);
  const shown = useRef(onShown);
  shown.current = onShown;
  const sending = useSending(comments).filter((one) => one.answers === comment.id);
  const resolved = comment.resolved_at !== null;
  const maySettle = reader.canComment && (reader.canEdit || comment.author?.id === reader.id);
  useLayoutEffect(() => {
    if (!sought) return;
    card.current?.scrollIntoView({ block: 'center' });
    card.current?.focus({ preventScroll: true });
    shown.current?.();
  }, [sought]);
  const name = comment.author?.name ?? t('comments.somebody');
  const replies = comment.replies.filter((reply) => !reply.deleted);
  return (
    // The cards are stops of the keyboard, so that a list of them is gone through with the arrows.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <article
      ref={card}
      className={classes('comment-card', active && 'comment-card-active', resolved && 'comment-card-resolved')}
      data-comment={comment.id}
      aria-label={t('comments.by', { name, when: formatWhen(comment.created_at) })}
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      onFocus={onActivate}
    >
      {place}
      {resolved && (
        <p className="comment-resolved">
          {t('comments.resolvedBy', {
            name: comment.resolved_by?.name ?? t('comments.somebody'),
            when: formatWhen(comment.resolved_at),
          })}
        </p>
      )}
      <Said
        comments={comments}
        comment={comment}
        text={comment}
        reader={reader}
        extra={
          maySettle && (
            <IconButton
              size="sm"
              icon={resolved ? 'undo' : 'check'}
              label={resolved ? t('comments.reopen') : t('comments.resolve')}
              onClick={() => void trying(comments.settle(comment.id, resolved ? 'reopen' : 'resolve'))}
            />
          )
        }
      />
      {replies.length > 0 && (
        <ol className="comment-replies">
          {replies.map((reply) => (
            <li key={reply.id}>
              <Said comments={comments} comment={comment} text={reply} reader={reader} />
            </li>
          ))}
        </ol>
      )}
      {sending.map((one) => (
        <SendingText key={one.key} comments={comments} sending={one} />
      ))}
      {reader.canComment && !resolved && (
        <Composer
          compact
          fileId={comments.fileId}
          draft={`${reader.id}.${comments.fileId}.${comment.id}`}
          label={t('comments.reply')}
          placeholder={t('comments.replyPlaceholder')}
          send={t('comments.reply')}
          canShare={reader.canShare}
          onSend={(content) => void comments.send(content, {}, comment.id)}
        />
      )}
    </article>
  );
}

interface SaidProps {
  comments: Comments;
  comment: Comment;
  text: Text;
  reader: Reader;
  extra?: ReactNode;
}

function Said({ comments, comment, text, reader, extra }: SaidProps) {
  const [editing, setEditing] = useState(false);
  const name = text.author?.name ?? t('comments.somebody');
  const own = reader.canComment && text.author?.id === reader.id && !text.deleted;
  async function save(content: string) {
    setEditing(false);
    if (content !== text.content) await trying(comments.change(comment.id, text.id, content));
  }
  async function remove() {
    const whole = text.id === comment.id && reader.isOwner && comment.replies.some((reply) => !reply.deleted);
    const sure = await confirm({
      title: t('comments.removeTitle'),
      message: t(whole ? 'comments.removeAll' : 'comments.removeText'),
      action: t('comments.remove'),
      danger: true,
    });
    if (sure) await trying(comments.remove(comment, text.id, reader.isOwner));
  }
  async function copyLink() {
    if (await copyText(comments.link(text.id))) toast({ message: t('comments.copied'), kind: 'ok' });
  }
  const items: MenuItem[] = [
    ...(own
      ? [{ id: 'edit', label: t('comments.edit'), icon: 'edit' as const, onSelect: () => setEditing(true) }]
      : []),
    { id: 'link', label: t('comments.copyLink'), icon: 'link' as const, onSelect: () => void copyLink() },
    ...(own || (reader.isOwner && reader.canComment && (!text.deleted || text.id === comment.id))
      ? [
          {
            id: 'delete',
            label: t('comments.remove'),
            icon: 'delete' as const,
            danger: true,
            onSelect: () => void remove(),
          },
        ]
      : []),
  ];
  return (
    <div className="comment-said" id={`said-${text.id}`}>
      <div className="comment-head">
        <Avatar name={name} color={text.author?.color ?? 0} size={24} />
        <div className="comment-who">
          <strong className="ui-truncate">{name}</strong>
          <time dateTime={text.created_at} title={formatDateTime(text.created_at)}>
            {formatWhen(text.created_at)}
            {text.edited_at && !text.deleted && ` · ${t('comments.edited')}`}
          </time>
        </div>
        {extra}
        <Menu
          align="end"
          items={items}
          trigger={<IconButton size="sm" icon="more_vert" label={t('comments.more')} tooltip={false} />}
        />
      </div>
      {editing ? (
        <Composer
          autoFocus
          fileId={comments.fileId}
          draft={`${reader.id}.${comments.fileId}.edit.${text.id}`}
          content={text.content}
          label={t('comments.edit')}
          placeholder={t('comments.placeholder')}
          send={t('comments.save')}
          canShare={reader.canShare}
          onSend={(content) => void save(content)}
          onCancel={() => setEditing(false)}
        />
      ) : text.deleted ? (
        <p className="comment-deleted">{t('comments.deleted')}</p>
      ) : (
        <CommentText content={text.content} />
      )}
    </div>
  );
}

/** What is on its way: seen at once, and told truly when it did not arrive. */
export function SendingText({ comments, sending }: { comments: Comments; sending: Sending }) {
  return (
    <div className="comment-sending" data-failed={sending.error ? '' : undefined}>
      <CommentText content={sending.content} />
      {sending.error === null ? (
        <p role="status">{t('comments.sending')}</p>
      ) : (
        <div className="comment-failed" role="alert">
          <p>{t('comments.notSent', { why: sending.error })}</p>
          <Button size="sm" onClick={() => void comments.retry(sending.key)}>
            {t('comments.retry')}
          </Button>
          <Button size="sm" variant="quiet" onClick={() => comments.giveUp(sending.key)}>
            {t('comments.giveUp')}
          </Button>
        </div>
      )}
    </div>
  );
}
