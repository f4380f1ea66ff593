/**
 * The widgets that live, by account: what their kernels said, and what pages moved. Listeners hear every message of an
 * account's comms; who comes later finds the whole state here.
 */
import type { CommContent, CommHeader, CommKind, CommsHeader, SentComm } from './comm-wire';
import { Emitter } from './emitter';
import { isRecord, overlay, readUpdate, type WidgetModel } from './widget-model';

export interface CommNews {
  type: CommKind | 'comms_gone';
  content: CommContent;
  metadata: Readonly<Record<string, unknown>>;
  buffers: readonly ArrayBuffer[];
  /** Of the cell whose output it belongs to. */
  executionId: string | null;
  /** Whoever of this page sent it, and need not hear it. */
  from?: object;
}

type Listener = (news: CommNews) => void;

const none: ReadonlyMap<string, WidgetModel> = new Map();
const gone: CommNews = {
  type: 'comms_gone',
  content: { comm_id: '' },
  metadata: {},
  buffers: [],
  executionId: null,
};

export class CommStore {
  readonly #accounts = new Map<string, Map<string, WidgetModel>>();
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #emitter = new Emitter<0>();
  /** What the snapshot that runs has told so far. */
  #snapshot: Map<string, Set<string>> | null = null;
  #known = false;

  /** Whether the server has told which widgets live; false while it cannot be reached. */
  get known(): boolean {
    return this.#known;
  }

  /** The models of an account's kernel, oldest first. */
  models(accountId: string): ReadonlyMap<string, WidgetModel> {
    return this.#accounts.get(accountId) ?? none;
  }

  /** Calls `listener` with every message of an account's comms; returns how to stop that. */
  listen(accountId: string, listener: Listener): () => void {
    let set = this.#listeners.get(accountId);
    if (!set) this.#listeners.set(accountId, (set = new Set()));
    set.add(listener);
    return () => {
      set.delete(listener);
    };
  }

  /** Calls `listener` when `known` changes. */
  readonly subscribe = (listener: () => void): (() => void) => this.#emitter.on(0, listener);

  // --- From the server -------------------------------------------------------------------------------------------

  /** The connection is new: a snapshot follows. */
  begin(): void {
    this.#snapshot = new Map();
  }

  disconnected(): void {
    this.#snapshot = null;
    this.#setKnown(false);
  }

  received(header: CommsHeader, buffers: readonly ArrayBuffer[]): void {
    if (header.type === 'comms_ready') return this.#ready();
    if (header.type === 'comms_gone') return this.#gone(header.account_id);
    if (header.snapshot) {
      const told = this.#snapshot?.get(header.account_id) ?? new Set();
      this.#snapshot?.set(header.account_id, told.add(header.content.comm_id));
    }
    // An echo repeats to everybody what a page sent, which all pages know from the page itself.
    const echo = isRecord(header.content.data) && header.content.data['method'] === 'echo_update';
    if (!echo) this.#apply(header.account_id, toNews(header, buffers));
  }

  /** Takes what a frame of this page tells the account's kernel, so that the page's other frames stay in step. */
  sent(accountId: string, message: SentComm, from: object): void {
    const { type, content, metadata, buffers } = message;
    const method = isRecord(content.data) ? content.data['method'] : undefined;
    if (type === 'comm_msg' && method !== 'update') return;
    this.#apply(accountId, { type, content, metadata, buffers, executionId: message.execution_id, from });
  }

  // --- Within ----------------------------------------------------------------------------------------------------

  #apply(accountId: string, news: CommNews): void {
    const id = news.content.comm_id;
    const models = this.#accounts.get(accountId) ?? new Map<string, WidgetModel>();
    const before = models.get(id);
    if (news.type === 'comm_close') models.delete(id);
    else if (news.type === 'comm_open') {
      const update = readUpdate(news.content.data, news.buffers);
      if (update) models.set(id, { id, metadata: news.metadata, ...update });
    } else if (before && isRecord(news.content.data) && news.content.data['method'] === 'update') {
      const update = readUpdate(news.content.data, news.buffers);
      if (update) models.set(id, { ...before, ...overlay(before, update) });
    }
    this.#accounts.set(accountId, models);
    this.#tell(accountId, news);
  }

  #ready(): void {
    const told = this.#snapshot ?? new Map<string, Set<string>>();
    this.#snapshot = null;
    for (const [accountId, models] of this.#accounts) {
      const live = told.get(accountId);
      if (!live) this.#gone(accountId);
      else for (const id of Array.from(models.keys())) if (!live.has(id)) this.#apply(accountId, closed(id));
    }
    this.#setKnown(true);
  }

  #gone(accountId: string): void {
    if (this.#accounts.delete(accountId)) this.#tell(accountId, gone);
  }

  #tell(accountId: string, news: CommNews): void {
    for (const listener of Array.from(this.#listeners.get(accountId) ?? [])) listener(news);
  }

  #setKnown(known: boolean): void {
    if (this.#known === known) return;
    this.#known = known;
    this.#emitter.emit(0);
  }
}

const toNews = (header: CommHeader, buffers: readonly ArrayBuffer[]): CommNews => ({
  type: header.type,
  content: header.content,
  metadata: header.metadata ?? {},
  buffers,
  executionId: header.execution_id ?? null,
});

const closed = (id: string): CommNews => ({
  type: 'comm_close',
  content: { comm_id: id, data: {} },
  metadata: {},
  buffers: [],
  executionId: null,
});
