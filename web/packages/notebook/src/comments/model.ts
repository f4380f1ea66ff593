/** Comments on this notebook: which belong to which cell, what is being written, and which one is looked at. */
import { type Anchor, type Comment, makeAnchor, resolveAnchor, Store, type TextRange } from '@labora/document';
import { byTime, commentOf, Comments, type Filter, type Reader } from '@labora/drive/comments';
import { keepDraft, readDraft } from '@labora/drive/shell';
import { t, toast } from '@labora/ui';
import { viewOf } from '../editor/views';
import type { NotebookController } from '../model/controller';
import './messages';

/** Where a new comment will stand. */
export interface Drafting {
  cellId: string;
  anchor: Anchor | null;
  quote: string;
}

export interface CommentRange extends TextRange {
  /** The comment; empty for the one that is being written. */
  id: string;
}

const none: readonly Comment[] = [];

export class NotebookComments {
  readonly comments: Comments;
  /** Cells whose comments are shown below them. */
  readonly opened = new Store<ReadonlySet<string>>(new Set());
  /** What was being written when the page was last left; nobody waits for the caret there. */
  readonly kept: Drafting | null;
  readonly drafting: Store<Drafting | null>;
  readonly active = new Store<string | null>(null);
  /** A comment that somebody came for: it shows itself once, and then nobody does. */
  readonly sought = new Store<{ id: string; inPanel: boolean } | null>(null);
  readonly filter = new Store<Filter>('open');
  /** The field for the whole notebook was asked for; null again once it is there. */
  readonly noting = new Store<object | null>(null);
  readonly #controller: NotebookController;
  readonly #accountId: string;
  #all: Readonly<Record<string, Comment>> | null = null;
  #byCell = new Map<string, readonly Comment[]>();

  constructor(controller: NotebookController, accountId = '') {
    this.#controller = controller;
    this.#accountId = accountId;
    const source = {
      all: () => controller.room.comments(),
      on: (listener: () => void) => controller.room.on('comments', listener),
      put: (id: string, comment: Comment | null) => controller.room.putComment(id, comment),
    };
    this.comments = new Comments(controller.fileId, source, accountId);
    this.kept = this.#keptPlace();
    this.drafting = new Store(this.kept);
    this.drafting.subscribe(() => {
      const place = this.drafting.get();
      keepDraft(this.draftKey('place'), place ? JSON.stringify(place) : '');
    });
  }

  draftKey(of: string): string {
    return `${this.#accountId}.${this.#controller.fileId}.${of}`;
  }

  #keptPlace(): Drafting | null {
    try {
      return JSON.parse(readDraft(this.draftKey('place')) || 'null') as Drafting | null;
    } catch {
      return null;
    }
  }

  get canComment(): boolean {
    return this.#controller.client.status.get().abilities.includes('comment');
  }

  reader(): Reader {
    const { abilities, account, file } = this.#controller.client.status.get();
    return {
      id: account?.id,
      canComment: abilities.includes('comment'),
      canEdit: abilities.includes('edit'),
      canShare: abilities.includes('share'),
      isOwner: file?.role === 'owner',
    };
  }

  /** The comments on a cell, oldest first. The same array until one of them changes. */
  ofCell(cellId: string): readonly Comment[] {
    const all = this.comments.source.all();
    if (all !== this.#all) {
      this.#all = all;
      const next = new Map<string, Comment[]>();
      for (const comment of Object.values(all).toSorted(byTime)) {
        if (comment.cell_id) next.set(comment.cell_id, [...(next.get(comment.cell_id) ?? []), comment]);
      }
      const before = this.#byCell;
      this.#byCell = new Map(
        [...next].map(([id, list]) => {
          const old = before.get(id);
          return [id, old?.length === list.length && old.every((one, at) => one === list[at]) ? old : list];
        }),
      );
    }
    return this.#byCell.get(cellId) ?? none;
  }

  /** Where a comment's text is now; null when it is gone, or when it has none. */
  rangeOf(comment: Pick<Comment, 'cell_id' | 'anchor' | 'quote'>): TextRange | null {
    const text = comment.cell_id ? this.#controller.doc.text(comment.cell_id) : null;
    return text && comment.anchor ? resolveAnchor(text, comment.anchor, comment.quote) : null;
  }

  /** The ranges of a cell that open comments speak of. */
  ranges(comments: readonly Comment[], drafting: Drafting | null): CommentRange[] {
    const found: CommentRange[] = [];
    for (const comment of comments) {
      const range = comment.resolved_at === null ? this.rangeOf(comment) : null;
      if (range) found.push({ ...range, id: comment.id });
    }
    const own = drafting ? this.rangeOf({ ...drafting, cell_id: drafting.cellId }) : null;
    if (own) found.push({ ...own, id: '' });
    return found;
  }

  // --- Doing -----------------------------------------------------------------------------------------------------

  /** Begins a comment on what is selected in the active cell, on the cell, or on the notebook when none is active. */
  begin(cellId = this.#controller.ui.active): void {
    if (!this.canComment) return;
    const text = cellId ? this.#controller.doc.text(cellId) : null;
    if (!cellId || !text) {
      this.#controller.ui.setPreference('comments', true);
      this.noting.set({});
      return;
    }
    const range = viewOf(cellId)?.state.selection.main;
    const anchor = range && !range.empty ? makeAnchor(text, range) : null;
    const quote = anchor && range ? text.toString().slice(range.from, range.to).slice(0, 1000) : '';
    this.drafting.set({ cellId, anchor, quote });
  }

  open(cellId: string): void {
    if (!this.opened.get().has(cellId)) this.opened.set(new Set([...this.opened.get(), cellId]));
  }

  /** Whether the list is open: what is in it is not shown below the cells too. */
  get listed(): boolean {
    return this.#controller.ui.preferences.get().comments;
  }

  /** Shows or hides the comments on a cell; in the list while that is open. */
  toggle(cellId: string): void {
    const first = this.ofCell(cellId).find((comment) => comment.resolved_at === null);
    if (this.listed && first) {
      this.filter.set('open');
      this.active.set(first.id);
      this.sought.set({ id: first.id, inPanel: true });
      return;
    }
    const opened = new Set(this.opened.get());
    if (!opened.delete(cellId)) opened.add(cellId);
    this.opened.set(opened);
  }

  send(content: string): void {
    const place = this.drafting.get();
    if (!place) return;
    const { cellId, anchor, quote } = place;
    this.drafting.set(null);
    this.open(cellId);
    void this.comments
      .send(content, { cell_id: cellId, anchor, quote })
      .then((made) => made && this.active.set(made.id));
  }

  /** Goes to the cell of a comment. */
  jump(comment: Comment): void {
    const { doc, ui } = this.#controller;
    this.active.set(comment.id);
    if (!comment.cell_id || doc.indexOf(comment.cell_id) < 0) return;
    if (matchMedia('(max-width: 720px)').matches) {
      ui.setPreference('comments', false);
      this.open(comment.cell_id);
    }
    ui.activate(comment.cell_id);
    ui.revealed.set({ id: comment.cell_id });
  }

  /** Shows the comment that a link names: below its cell, or in the list. */
  show(id: string): void {
    const comment = commentOf(this.comments.source.all(), id);
    if (!comment) {
      toast({ message: t('comments.gone') });
      return;
    }
    const cellId = comment.cell_id;
    const inPanel = this.listed || comment.resolved_at !== null || !cellId || this.#controller.doc.indexOf(cellId) < 0;
    this.active.set(comment.id);
    if (inPanel) {
      this.filter.set(comment.resolved_at === null ? 'open' : 'resolved');
      this.#controller.ui.setPreference('comments', true);
    } else this.open(cellId);
    this.sought.set({ id: comment.id, inPanel });
  }
}
