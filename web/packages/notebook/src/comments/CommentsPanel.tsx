/** All comments of the notebook, in its order. */
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { CommentCard, Composer, type Filter, passes, SendingText, useSending } from '@labora/drive/comments';
import { Button, EmptyState, IconButton, t } from '@labora/ui';
import { useController, useStore } from '../model/context';
import { showKeys } from '../model/keys';
import { type Entry, useEntries, useReader } from './hooks';

const filters: readonly Filter[] = ['open', 'resolved', 'mine'];

/** Goes through the cards with the arrows, to the cell with Enter, and to the answer with R. */
function keys(event: KeyboardEvent<HTMLElement>): void {
  const card = event.target instanceof HTMLElement && event.target.matches('.comment-card') ? event.target : null;
  if (!card || event.ctrlKey || event.metaKey || event.altKey) return;
  const cards = [...event.currentTarget.querySelectorAll<HTMLElement>('article.comment-card')];
  const at = cards.indexOf(card);
  if (event.key === 'ArrowDown' || event.key === 'ArrowUp') cards[at + (event.key === 'ArrowDown' ? 1 : -1)]?.focus();
  else if (event.key === 'Enter') card.querySelector<HTMLElement>('.nb-comment-place')?.click();
  else if (event.key.toLowerCase() === 'r') card.querySelector('textarea')?.focus();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

export function CommentsPanel() {
  const controller = useController();
  const { comments } = controller;
  const reader = useReader();
  const filter = useStore(comments.filter);
  const entries = useEntries();
  const noting = useStore(comments.noting);
  const [asked, setAsked] = useState(0);
  const sought = useStore(comments.sought);
  const active = useStore(comments.active);
  const sending = useSending(comments.comments).filter((one) => !one.answers);
  const list = useRef<HTMLDivElement>(null);
  const shown = entries.filter(({ comment }) => passes(comment, filter, reader.id));

  useEffect(() => {
    if (!active) return;
    list.current?.querySelector(`[data-comment="${CSS.escape(active)}"]`)?.scrollIntoView({ block: 'nearest' });
  }, [active]);

  // The field is made anew for each time it is asked for, and takes the focus; not so when the panel just opens again.
  useEffect(() => {
    if (!noting) return;
    setAsked((before) => before + 1);
    comments.noting.set(null);
  }, [comments, noting]);

  return (
    <aside className="nb-comments-panel" aria-label={t('comments.title')}>
      <div className="nb-comments-head">
        <h2>{t('comments.title')}</h2>
        <IconButton
          size="sm"
          icon="close"
          label={t('comments.close')}
          onClick={() => controller.ui.setPreference('comments', false)}
        />
      </div>
      <div className="nb-comments-filter" role="group" aria-label={t('comments.filter.label')}>
        {filters.map((one) => (
          <Button
            key={one}
            size="sm"
            variant={one === filter ? 'secondary' : 'quiet'}
            aria-pressed={one === filter}
            onClick={() => comments.filter.set(one)}
          >
            {t(`comments.filter.${one}`)}
          </Button>
        ))}
      </div>
      {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions -- the cards inside have the focus */}
      <div className="nb-comments-list" ref={list} onKeyDown={keys}>
        {shown.length === 0 && sending.length === 0 && (
          <Nothing filter={filter} none={entries.length === 0} canComment={reader.canComment} />
        )}
        {shown.map((entry) => (
          <CommentCard
            key={entry.comment.id}
            comments={comments.comments}
            comment={entry.comment}
            reader={reader}
            active={entry.comment.id === active}
            sought={sought?.inPanel && sought.id === entry.comment.id ? sought : null}
            onShown={() => comments.sought.set(null)}
            place={<Place entry={entry} />}
            onActivate={() => comments.active.set(entry.comment.id)}
          />
        ))}
        {sending.map((one) => (
          <div key={one.key} className="comment-card">
            <SendingText comments={comments.comments} sending={one} />
          </div>
        ))}
      </div>
      {reader.canComment && (
        <div className="nb-comments-note">
          <Composer
            key={asked}
            compact
            autoFocus={asked > 0}
            fileId={controller.fileId}
            draft={comments.draftKey('note')}
            label={t('comments.notebookPlaceholder')}
            placeholder={t('comments.notebookPlaceholder')}
            send={t('comments.send')}
            canShare={reader.canShare}
            onSend={(content) => {
              comments.filter.set('open');
              void comments.comments.send(content, {});
            }}
          />
        </div>
      )}
    </aside>
  );
}

function Nothing({ filter, none, canComment }: { filter: Filter; none: boolean; canComment: boolean }) {
  if (!none) {
    return (
      <EmptyState icon="comment" title={t(`comments.empty.${filter}`)}>
        {filter === 'open' && t('comments.empty.openText')}
      </EmptyState>
    );
  }
  return (
    <EmptyState icon="comment" title={t('comments.empty.title')}>
      {canComment ? t('comments.empty.text', { keys: showKeys('Mod+Alt+M') }) : t('comments.empty.read')}
    </EmptyState>
  );
}

/** Where a comment stands, as a way there; and what was said there when it was made. */
function Place({ entry: { comment, place, index } }: { entry: Entry }) {
  const controller = useController();
  const kind = comment.cell_id ? (controller.doc.cell(comment.cell_id)?.kind ?? 'raw') : 'raw';
  const name =
    place === 'file' || place === 'goneCell'
      ? t(`comments.place.${place}`)
      : t('comments.place.cell', { kind: t(`notebook.kinds.${kind}`), index: index + 1 });
  return (
    <div className="nb-comment-where">
      {place === 'file' || place === 'goneCell' ? (
        <span>{name}</span>
      ) : (
        <button
          type="button"
          className="nb-comment-place"
          aria-label={t('comments.jump', { place: name })}
          onClick={() => controller.comments.jump(comment)}
        >
          {name}
        </button>
      )}
      {comment.anchor && <blockquote className="comment-quote">{comment.quote}</blockquote>}
      {place === 'goneText' && <p className="comment-note">{t('comments.place.goneText')}</p>}
      {place === 'goneCell' && <p className="comment-note">{t('comments.goneCellText')}</p>}
    </div>
  );
}
