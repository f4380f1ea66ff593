/** The comments of one file in this page: what the server has, and what is on its way there. */
import { api, randomId, type Comment, type NewComment } from '@labora/api';
import { errorText, t } from '@labora/ui';
import { keepDraft, readDraft } from '../shell/drafts';

export type Place = Partial<Omit<NewComment, 'content'>>;

/** Where comments come from: the room of a notebook, or the REST API for other files. */
export interface CommentSource {
  readonly all: () => Readonly<Record<string, Comment>>;
  readonly on: (listener: () => void) => () => void;
  /** Takes what the server answered about one. */
  put(id: string, comment: Comment | null): void;
}

/** A comment or reply that the server has not confirmed. */
export interface Sending {
  key: string;
  /** The comment that it answers; null for one of its own. */
  answers: string | null;
  place: Place;
  content: string;
  /** Why it was not sent; null while it is being sent. */
  error: string | null;
}

export class Comments {
  readonly fileId: string;
  readonly source: CommentSource;
  readonly #listeners = new Set<() => void>();
  readonly #kept: string;
  #sending: readonly Sending[] = [];

  /** What an earlier page of this account did not get sent is there again. */
  constructor(fileId: string, source: CommentSource, accountId = '') {
    this.fileId = fileId;
    this.source = source;
    this.#kept = `${accountId}.${fileId}.sending`;
    try {
      const kept = JSON.parse(readDraft(this.#kept) || '[]') as Sending[];
      this.#sending = kept.map((one) => Object.assign(one, { error: t('comments.interrupted') }));
    } catch {
      // Somebody else's words: nothing to send.
    }
  }

  readonly onSending = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly sending = (): readonly Sending[] => this.#sending;

  #set(next: readonly Sending[]): void {
    this.#sending = next;
    keepDraft(this.#kept, next.length > 0 ? JSON.stringify(next) : '');
    for (const listener of this.#listeners) listener();
  }

  /** Shows it at once and sends it; resolves to the comment, or null when that failed. */
  send(content: string, place: Place, answers: string | null = null): Promise<Comment | null> {
    const one = { key: randomId(), answers, place, content, error: null };
    this.#set([...this.#sending, one]);
    return this.#try(one);
  }

  retry(key: string): Promise<Comment | null> {
    const one = this.#sending.find((sending) => sending.key === key);
    if (!one) return Promise.resolve(null);
    const again = { ...one, error: null };
    this.#set(this.#sending.map((sending) => (sending.key === key ? again : sending)));
    return this.#try(again);
  }

  giveUp(key: string): void {
    this.#set(this.#sending.filter((sending) => sending.key !== key));
  }

  async #try({ key, answers, place, content }: Sending): Promise<Comment | null> {
    try {
      const made = answers
        ? await api.addReply(this.fileId, answers, content, key)
        : await api.addComment(this.fileId, { quote: '', ...place, content }, key);
      this.giveUp(key);
      this.source.put(made.id, made);
      return made;
    } catch (reason) {
      const error = errorText(reason);
      this.#set(this.#sending.map((sending) => (sending.key === key ? { ...sending, error } : sending)));
      return null;
    }
  }

  async change(comment: string, text: string, content: string): Promise<void> {
    const changed =
      text === comment
        ? await api.changeComment(this.fileId, comment, content)
        : await api.changeReply(this.fileId, comment, text, content);
    this.source.put(comment, changed);
  }

  async settle(comment: string, action: 'resolve' | 'reopen'): Promise<void> {
    this.source.put(comment, await api.settleComment(this.fileId, comment, action));
  }

  /** Deletes a text of a comment: the whole of it, where its owner does so or nothing else of it is left. */
  async remove(comment: Comment, text: string, byOwner: boolean): Promise<void> {
    const own = text === comment.id;
    await (own ? api.deleteComment(this.fileId, comment.id) : api.deleteReply(this.fileId, comment.id, text));
    const replies = comment.replies.map((reply) => (reply.id === text ? blank(reply) : reply));
    const lives = replies.some((reply) => !reply.deleted);
    const left = own ? !byOwner && lives : !comment.deleted || lives;
    this.source.put(comment.id, left ? { ...(own ? blank(comment) : comment), replies } : null);
  }

  link(id: string): string {
    return `${location.origin}/drive/${this.fileId}#comment=${id}`;
  }
}

const blank = <T extends { content: string; deleted: boolean }>(said: T): T => ({
  ...said,
  content: '',
  deleted: true,
});

/** The comment that the address of this page names. */
export function linkedComment(): string | null {
  return /^#comment=([a-z0-9]{1,32})$/.exec(location.hash)?.[1] ?? null;
}

/** The comment that a linked id means: itself, or the one that it answers. */
export function commentOf(all: Readonly<Record<string, Comment>>, id: string): Comment | undefined {
  return all[id] ?? Object.values(all).find((comment) => comment.replies.some((reply) => reply.id === id));
}

export type Filter = 'open' | 'resolved' | 'mine';

export function passes(comment: Comment, filter: Filter, me: string | undefined): boolean {
  if (filter === 'resolved') return comment.resolved_at !== null;
  if (filter === 'open') return comment.resolved_at === null;
  const said = [comment.author, ...comment.replies.filter((reply) => !reply.deleted).map((reply) => reply.author)];
  return said.some((person) => person?.id === me) || JSON.stringify(comment).includes(`(account:${me})`);
}

export const byTime = (a: Comment, b: Comment): number =>
  a.created_at === b.created_at ? (a.id < b.id ? -1 : 1) : a.created_at < b.created_at ? -1 : 1;
