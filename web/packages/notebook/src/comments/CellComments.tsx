/** Comments on one cell: how many, in the margin; and the cards below it. */
import { useCallback, useSyncExternalStore } from 'react';
import { CommentCard, Composer, SendingText, useSending } from '@labora/drive/comments';
import { Icon, IconButton, t } from '@labora/ui';
import { useController, useStore } from '../model/context';
import { showKeys } from '../model/keys';
import { useCellComments, useDrafting, useReader } from './hooks';

/** Whether the comments on a cell are to be shown below it. */
function useOpened(cellId: string): boolean {
  const { comments, ui } = useController();
  const { opened } = comments;
  const listed = useSyncExternalStore(ui.preferences.subscribe, () => comments.listed);
  const chosen = useSyncExternalStore(
    opened.subscribe,
    useCallback(() => opened.get().has(cellId), [opened, cellId]),
  );
  return chosen && !listed;
}

export function CommentMarker({ cellId }: { cellId: string }) {
  const count = useCellComments(cellId).filter((comment) => comment.resolved_at === null).length;
  // Most cells have none, and listen to nothing else.
  return count > 0 && <Marker cellId={cellId} count={count} />;
}

function Marker({ cellId, count }: { cellId: string; count: number }) {
  const { comments } = useController();
  const opened = useOpened(cellId);
  return (
    <button
      type="button"
      className="nb-comment-marker"
      aria-label={t('comments.onCell', { count })}
      title={t('comments.onCell', { count })}
      aria-expanded={opened}
      onClick={() => comments.toggle(cellId)}
    >
      <Icon name="comment" size={16} />
      <span>{count}</span>
    </button>
  );
}

/** The one tool of a cell for those who may comment and not edit. */
export function CommentTool({ cellId }: { cellId: string }) {
  const { comments } = useController();
  if (!useReader().canComment) return null;
  return (
    <div className="nb-cell-tools">
      <IconButton
        size="sm"
        icon="add_comment"
        label={t('notebook.commands.insert_comment')}
        keys={showKeys('Mod+Alt+M')}
        onClick={() => comments.begin(cellId)}
      />
    </div>
  );
}

export function CellComments({ cellId }: { cellId: string }) {
  const opened = useOpened(cellId);
  const drafting = useDrafting(cellId);
  return opened || drafting ? <Cards cellId={cellId} opened={opened} /> : null;
}

function Cards({ cellId, opened }: { cellId: string; opened: boolean }) {
  const { comments } = useController();
  const reader = useReader();
  const drafting = useDrafting(cellId);
  const sought = useStore(comments.sought);
  const active = useStore(comments.active);
  const open = useCellComments(cellId).filter((comment) => comment.resolved_at === null);
  const list = opened ? open : [];
  const sending = useSending(comments.comments).filter((one) => opened && !one.answers && one.place.cell_id === cellId);
  if (list.length === 0 && sending.length === 0 && !drafting) return null;
  return (
    <section
      className="nb-comments"
      aria-label={t('comments.onCell', { count: list.length })}
      // What is pressed here is no press on the cell.
      onMouseDown={(event) => event.stopPropagation()}
    >
      {list.map((comment) => (
        <CommentCard
          key={comment.id}
          comments={comments.comments}
          comment={comment}
          reader={reader}
          active={comment.id === active}
          sought={sought && !sought.inPanel && sought.id === comment.id ? sought : null}
          onShown={() => comments.sought.set(null)}
          place={comment.anchor && <blockquote className="comment-quote">{comment.quote}</blockquote>}
          onActivate={() => comments.active.set(comment.id)}
        />
      ))}
      {sending.map((one) => (
        <div key={one.key} className="comment-card">
          <SendingText comments={comments.comments} sending={one} />
        </div>
      ))}
      {drafting && reader.canComment && (
        <div className="comment-card comment-card-active">
          {drafting.anchor && <blockquote className="comment-quote">{drafting.quote}</blockquote>}
          <Composer
            key={JSON.stringify(drafting)}
            autoFocus={drafting !== comments.kept}
            fileId={comments.comments.fileId}
            draft={comments.draftKey('new')}
            label={t('comments.add')}
            placeholder={t('comments.placeholder')}
            send={t('comments.send')}
            canShare={reader.canShare}
            onSend={(content) => comments.send(content)}
            onCancel={() => comments.drafting.set(null)}
          />
        </div>
      )}
      {!drafting && reader.canComment && (
        <IconButton
          size="sm"
          icon="add_comment"
          className="nb-comment-more"
          label={t('notebook.commands.insert_comment')}
          onClick={() => comments.begin(cellId)}
        />
      )}
    </section>
  );
}
