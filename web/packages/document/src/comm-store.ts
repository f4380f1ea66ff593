/**
 * The widgets that live, by account: what their kernels said, and what pages moved. Listeners hear every message of an
 * account's comms; who comes later finds the whole state here.
 */
import type { CommContent, CommHeader, CommKind, CommsHeader, SentComm } from './comm-wire';
import { Emitter } from './emitter';
import { isRecord, overlay, readUpdate, traitsOf, type WidgetModel, type WidgetUpdate } from './widget-model';

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

/** How it goes on with what a page has sent. */
export interface SentNews {
  /** The kernel has dealt with it. */
  done(): void;
  /** It came to nothing. */
  refused(): void;
}

/** An update of a model that its kernel has not yet dealt with. */
interface Change {
  accountId: string;
  id: string;
  update: WidgetUpdate;
  /** What the traits that it names were. */
  before: WidgetUpdate;
}

type Listener = (news: CommNews) => void;

const nothing: SentNews = { done() {}, refused() {} };
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
  readonly #changes = new Set<Change>();
  /** Comms that a page is opening. */
  readonly #opening = new Set<string>();

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

  /**
   * Takes what a frame of this page tells the account's kernel, so that the page's other frames stay in step: an update at
   * once, and back again if it is refused; that a comm begins or ends once the kernel knows it.
   */
  sent(accountId: string, message: SentComm, from: object): SentNews {
    const { type, content, metadata, buffers } = message;
    const id = content.comm_id;
    const news: CommNews = { type, content, metadata, buffers, executionId: message.execution_id, from };
    if (type !== 'comm_msg') {
      if (type === 'comm_open') this.#opening.add(id);
      const begun = () => type === 'comm_close' || this.#opening.delete(id);
      return {
        done: () => void (begun() && this.#apply(accountId, news)),
        refused: () => void this.#opening.delete(id),
      };
    }
    if (!isRecord(content.data) || content.data['method'] !== 'update') return nothing;
    const update = readUpdate(content.data, buffers);
    const model = this.models(accountId).get(id);
    this.#apply(accountId, news);
    if (!update || !model) return nothing;
    const change = { accountId, id, update, before: traitsOf(model, update) };
    this.#changes.add(change);
    return { done: () => void this.#changes.delete(change), refused: () => this.#putBack(change) };
  }

  // --- Within ----------------------------------------------------------------------------------------------------

  /** Gives the traits of a refused update their values back, in every frame; not those that have changed since. */
  #putBack(change: Change): void {
    const { accountId, id, update } = change;
    if (!this.#changes.delete(change)) return;
    const model = this.models(accountId).get(id);
    const state: Record<string, unknown> = {};
    for (const [trait, value] of Object.entries(change.before.state)) {
      const later = [...this.#changes].find(
        (other) => other.accountId === accountId && other.id === id && Object.hasOwn(other.before.state, trait),
      );
      // One that is still under way stands on this one: it would go back to what was refused.
      if (later?.before.state[trait] === update.state[trait]) {
        if (later)
          later.before = overlay(later.before, traitsOf(change.before, { state: { [trait]: value }, buffers: [] }));
      } else if (!later && model && model.state[trait] === update.state[trait]) state[trait] = value;
    }
    if (Object.keys(state).length === 0) return;
    const { buffers } = traitsOf(change.before, { state, buffers: [] });
    const data = { method: 'update', state, buffer_paths: buffers.map((one) => one.path) };
    const content = { comm_id: id, data };
    const bytes = buffers.map((one) => one.data);
    this.#apply(accountId, { type: 'comm_msg', content, metadata: {}, buffers: bytes, executionId: null });
  }

  #apply(accountId: string, news: CommNews): void {
    const id = news.content.comm_id;
    const models = this.#accounts.get(accountId) ?? new Map<string, WidgetModel>();
    const before = models.get(id);
    if (news.type === 'comm_close') {
      models.delete(id);
      this.#opening.delete(id);
    } else if (news.type === 'comm_open') {
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
    for (const change of this.#changes) if (change.accountId === accountId) this.#changes.delete(change);
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
