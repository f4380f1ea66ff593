import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import type { Comment, TextRange } from '@labora/document';
import { byTime, linkedComment, type Reader } from '@labora/drive/comments';
import type { Token } from '../editor/highlight';
import { useController, useDocument, useRoom, useStatus } from '../model/context';
import type { CommentRange, Drafting } from './model';

export function useCellComments(cellId: string): readonly Comment[] {
  const { comments } = useController();
  return useRoom('comments', () => comments.ofCell(cellId));
}

/** The comment that is being written on this cell. */
export function useDrafting(cellId: string): Drafting | null {
  const { drafting } = useController().comments;
  return useSyncExternalStore(
    drafting.subscribe,
    useCallback(() => (drafting.get()?.cellId === cellId ? drafting.get() : null), [drafting, cellId]),
  );
}

export function useReader(): Reader {
  const { comments } = useController();
  useStatus();
  return comments.reader();
}

const noRanges: readonly CommentRange[] = [];

export function useRanges(cellId: string, source: string): readonly CommentRange[] {
  const { comments } = useController();
  const list = useCellComments(cellId);
  const drafting = useDrafting(cellId);
  return useMemo(() => {
    const found = comments.ranges(list, drafting);
    return found.length > 0 ? found : noRanges;
    // oxlint-disable-next-line react/memo-dependencies, react-hooks/exhaustive-deps -- where they are depends on the text
  }, [comments, list, drafting, source]);
}

/** Tokens of code, cut where comments begin and end, and marked between. */
export function withRanges(tokens: readonly Token[], ranges: readonly TextRange[]): readonly Token[] {
  if (ranges.length === 0) return tokens;
  const edges = [...new Set(ranges.flatMap(({ from, to }) => [from, to]))].toSorted((a, b) => a - b);
  const made: Token[] = [];
  let at = 0;
  for (const { text, style } of tokens) {
    const end = at + text.length;
    const stops = [...edges.filter((edge) => edge > at && edge < end), end];
    let from = at;
    for (const stop of stops) {
      const marked = ranges.some((range) => range.from <= from && from < range.to);
      const part = text.slice(from - at, stop - at);
      if (part) made.push({ text: part, style: marked ? `${style} nb-comment-range`.trim() : style });
      from = stop;
    }
    at = end;
  }
  return made;
}

/** Follows the address to the comment that it names, once the notebook is there. */
export function useLinkedComment(loaded: boolean): void {
  const { comments } = useController();
  useEffect(() => {
    if (!loaded) return;
    const follow = () => {
      const id = linkedComment();
      if (id) comments.show(id);
    };
    follow();
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, [loaded, comments]);
}

/** A comment in the list, and what became of its place. */
export interface Entry {
  comment: Comment;
  place: 'file' | 'cell' | 'goneCell' | 'goneText';
  /** Of its cell, from 0. */
  index: number;
}

/** All comments in the order of the notebook; those whose cell is gone come last. */
export function useEntries(): readonly Entry[] {
  const { comments, doc, room } = useController();
  const all = useRoom('comments', room.comments);
  const order = useDocument('order', doc.cellIds);
  const [edits, setEdits] = useState(0);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const soon = () => (timer ??= setTimeout(() => ((timer = undefined), setEdits((count) => count + 1)), 400));
    const { ydoc } = doc;
    ydoc.on('update', soon);
    return () => {
      clearTimeout(timer);
      ydoc.off('update', soon);
    };
    // oxlint-disable-next-line react/exhaustive-effect-dependencies -- another document
  }, [doc, doc.generation]);
  return useMemo(() => {
    const places = new Map(order.map((id, index) => [id, index]));
    const entries = Object.values(all).map((comment) => {
      const index = comment.cell_id ? (places.get(comment.cell_id) ?? null) : -1;
      const range = comment.anchor && index !== null ? comments.rangeOf(comment) : null;
      const lost = comment.anchor !== null && range === null;
      const place = index === null ? 'goneCell' : index < 0 ? 'file' : lost ? 'goneText' : 'cell';
      return { comment, place, index: index ?? order.length, from: range?.from ?? 0 } satisfies Entry & {
        from: number;
      };
    });
    return entries.toSorted((a, b) => a.index - b.index || a.from - b.from || byTime(a.comment, b.comment));
    // oxlint-disable-next-line react/memo-dependencies, react-hooks/exhaustive-deps -- where they are depends on the text
  }, [all, order, comments, edits]);
}
