/**
 * One tab's side of the room socket (docs/protocols.md, section 1): keeps the document in step, the room's state current,
 * commands answered over reconnections, and what is not yet durable in the vault.
 */
import { randomId } from '@labora/api';
import * as Y from 'yjs';
import { Asks } from './asks';
import { type CommandOptions, Commands } from './commands';
import { CommSender } from './comm-sender';
import { CommStore } from './comm-store';
import { readCommFrame, type SentComm } from './comm-wire';
import { NotebookDocument } from './document';
import { Store } from './emitter';
import { forgetNotebook, keepNotebook, keptNotebook } from './kept';
import { Presence } from './presence';
import { RoomStore } from './room-store';
import { RoomSocket, type SocketLike } from './socket';
import { canEdit, endReasons, firstStatus, type RoomStatus, saveState } from './status';
import type { ControlMessage, Meter, PresentClient, RoomEvent, UpdateRefused, Welcome } from './types';
import { UnsavedUpdates } from './unsaved';
import { type Draft, openVault, type Vault } from './vault';
import { DocumentPart, jsonFrame, Lane, readDocumentFrame, readJson, syncFrame, updateFrame } from './wire';

const PROTOCOL_VERSION = 1;
const VAULT_DELAY_MS = 150;
const KEEP_DELAY_MS = 2_000;
const RESYNC = 4409;
/** Origin of updates of others. */
const REMOTE = Symbol('remote');

/** Something that the person should be told once. */
export interface Notice {
  code: string;
  message: string;
}

export interface RoomClientOptions {
  fileId: string;
  /** Who is signed in, as far as known before the server tells: whose kept notebook may be shown without it. */
  accountId?: string;
  /** Address of the socket; by default the room of the file on this page's host. */
  url?: string;
  makeSocket?: (url: string) => SocketLike;
  openVault?: typeof openVault;
}

export class RoomClient {
  readonly document = new NotebookDocument();
  readonly room = new RoomStore();
  /** The widgets that live. */
  readonly comms = new CommStore();
  readonly status = new Store<RoomStatus>(firstStatus);
  readonly presence: Presence;
  /** Edits that the server refused, with what was written: the page offers to copy it. */
  readonly refused = new Store<{ notice: Notice; drafts: readonly Draft[] } | null>(null);
  readonly notice = new Store<Notice | null>(null);
  /** The last secret that code of this account asked for and was not given. */
  readonly secretRefused = new Store<{ name: string; exists: boolean } | null>(null);
  /** What this account's runtime uses, while {@link watch} is on. */
  readonly meter = new Store<{ runtimeId: string; meter: Meter } | null>(null);
  /** What programs of this account ask of the page. */
  readonly asks = new Asks((answer) => void this.command('answer', answer).catch(() => {}));

  readonly #options: RoomClientOptions;
  readonly #socket: RoomSocket;
  readonly #commands: Commands;
  readonly #sender: CommSender;
  readonly #unsaved = new UnsavedUpdates();
  readonly #dirty = new Set<string>();
  readonly #tab = randomId();
  #epoch: string | null = null;
  #seq: number | null = null;
  #ready = false;
  /** Drafts of a replaced history, put back once the server's document is there. */
  #drafts: Draft[] = [];
  #got = { difference: false, theirs: null as Uint8Array | null };
  #vault: Promise<Vault> | null = null;
  #vaultRef = 0;
  #vaultTimer: ReturnType<typeof setTimeout> | undefined;
  #keepTimer: ReturnType<typeof setTimeout> | undefined;
  #flushing = false;
  #watching = false;

  constructor(options: RoomClientOptions) {
    this.#options = options;
    const url = options.url ?? roomUrl(options.fileId);
    const handlers = {
      open: () => this.#hello(),
      frame: (data: Uint8Array) => this.#frame(data),
      closed: (code: number, retryAt: number | null) => this.#closed(code, retryAt),
      ping: () => void this.#commands.request('ping', {}, { keep: false }).catch(() => {}),
    };
    this.#socket = new RoomSocket(url, handlers, options.makeSocket ?? ((to) => new WebSocket(to)));
    this.#commands = new Commands((body) => this.#socket.send(jsonFrame(Lane.control, body)));
    this.#sender = new CommSender((frame) => this.#ready && this.#socket.send(frame));
    this.presence = new Presence((state) => this.#ready && this.#socket.send(jsonFrame(Lane.presence, state)));
    this.document.onLocalUpdate = (update, cells) => this.#edited(update, cells);
  }

  start(): void {
    this.#socket.start();
  }

  /** Ends the connection; what is unsaved stays in the vault for the next tab. */
  stop(): void {
    this.#socket.stop();
    this.presence.stop();
    void this.#keep()
      .then(async () => (await this.#vault)?.close())
      .catch(ignoreStorage);
    this.document.destroy();
  }

  /** The page was shown, or the network came back. */
  wake(): void {
    this.#socket.wake();
  }

  /** The browser says that the network is gone: finds out soon whether the server is. */
  doubt(): void {
    this.#socket.doubt();
  }

  /** The page may be about to end: writes what is unsaved into the vault. */
  pageHidden(): void {
    void this.#keep();
  }

  /** Asks for the meters of this account's runtime, or no longer; over reconnections. */
  watch(on: boolean): void {
    if (this.#watching === on) return;
    this.#watching = on;
    this.#askToWatch();
  }

  #askToWatch(): void {
    if (this.#ready) void this.#commands.request('watch', { on: this.#watching }, { keep: false }).catch(() => {});
  }

  /**
   * Sends a command; its edits go first. It waits for a connection and is sent again over reconnections, unless
   * `keep` is false. Rejects with CommandError when the server refuses.
   */
  command<T = unknown>(type: string, args: Record<string, unknown> = {}, options: CommandOptions = {}): Promise<T> {
    this.#flush(true);
    return this.#commands.request(type, args, options) as Promise<T>;
  }

  /**
   * Tells this account's kernel something over a comm, for an output of its own; `from` is whoever of this page said it.
   * Resolves once the kernel has dealt with it. Rejects with CommandError when it is refused, or without a connection.
   */
  sendComm(message: SentComm, from: object): Promise<void> {
    const account = this.status.get().account?.id;
    const told = account ? this.comms.sent(account, message, from) : null;
    return this.#sender.send(message).then(
      () => told?.done(),
      (error: unknown) => {
        told?.refused();
        throw error;
      },
    );
  }

  /** This tab's own id among the present clients. */
  get clientId(): number {
    return this.document.ydoc.clientID;
  }

  // --- Frames ----------------------------------------------------------------------------------------------------

  #hello(): void {
    this.#got = { difference: false, theirs: null };
    const hello = {
      type: 'hello',
      version: PROTOCOL_VERSION,
      client_id: this.clientId,
      epoch: this.#epoch,
      seq: this.#seq,
    };
    this.#socket.send(jsonFrame(Lane.control, hello));
  }

  #frame(data: Uint8Array): void {
    try {
      switch (data[0]) {
        case Lane.control:
          return this.#control(readJson(data) as ControlMessage);
        case Lane.events:
          return this.#events(readJson(data) as { seq: number; events: RoomEvent[] });
        case Lane.document:
          return this.#documentFrame(data);
        case Lane.presence:
          return this.presence.received((readJson(data) as { clients: PresentClient[] }).clients);
        case Lane.comms: {
          const { header, buffers } = readCommFrame(data);
          return this.comms.received(header, buffers);
        }
      }
    } catch (error) {
      // What we cannot apply would leave us with a state that nobody else has: take the whole of it again.
      // oxlint-disable-next-line eslint/no-console -- the only trace of a fault between server and page
      console.error(error);
      this.#socket.reconnect(RESYNC);
    }
  }

  #control(message: ControlMessage): void {
    switch (message.type) {
      case 'welcome':
        return this.#welcome(message);
      case 'saved':
        return this.#saved(message.ref, message.seq);
      case 'update_refused':
        return this.#updateRefused(message);
      case 'ack':
        return this.#commands.answered(message.id, message.result);
      case 'refused':
        return this.#commands.refused(message.id, message.code, message.message, message.details);
      case 'comm_done':
        return this.#sender.done(message.id);
      case 'comm_refused':
        return this.#sender.refused(message.id, message.code, message.message);
      case 'rights':
        return this.#setStatus({ abilities: message.abilities });
      case 'notice':
        return this.notice.set({ code: message.code, message: message.message });
      case 'storage':
        return this.#setStatus({ storage: { ok: message.ok, message: message.message } });
      case 'secret_refused':
        return this.secretRefused.set({ name: message.name, exists: message.exists });
      case 'meter':
        return this.meter.set({ runtimeId: message.runtime_id, meter: message.meter });
      case 'ask':
        return this.asks.received(message);
      case 'ask_gone':
        return this.asks.gone(message.ask_id);
      case 'asks':
        return this.asks.only(message.ids);
    }
  }

  #welcome(welcome: Welcome): void {
    if (this.#epoch !== null && this.#epoch !== welcome.epoch) this.#keepDraftsAndReset();
    this.#epoch = welcome.epoch;
    this.#seq = welcome.seq;
    this.room.replace(welcome.state);
    this.comms.begin();
    this.#setStatus({
      file: welcome.file,
      abilities: welcome.file.abilities,
      account: welcome.account,
      readOnlyReason: welcome.read_only_reason,
      storage: { ok: true, message: '' },
      ...(welcome.now ? { clockSkew: Date.parse(welcome.now) - Date.now() } : {}),
    });
    this.#socket.send(syncFrame(DocumentPart.stateVector, Y.encodeStateVector(this.document.ydoc)));
  }

  #documentFrame(data: Uint8Array): void {
    const frame = readDocumentFrame(data);
    if (frame.part === DocumentPart.stateVector) this.#got.theirs = frame.body.slice();
    else Y.applyUpdate(this.document.ydoc, frame.body, REMOTE);
    if (frame.part === DocumentPart.update) this.#seq = Math.max(this.#seq ?? 0, frame.seq);
    this.#keepSoon();
    if (frame.part === DocumentPart.difference) this.#got.difference = true;
    if (!this.#ready && this.#got.difference && this.#got.theirs) this.#synced();
  }

  #synced(): void {
    this.#ready = true;
    this.#socket.settled();
    // While the server's storage fails, edits wait here for the server that is started again.
    if (this.#unsaved.size > 0 && !canEdit(this.status.get()) && this.status.get().storage.ok) {
      const message = 'Your right to edit this notebook ended before these edits arrived.';
      return this.#drop({ code: 'read_only', message });
    }
    this.#setStatus({ connection: 'online', loaded: true, retryAt: null });
    this.#putDraftsBack();
    this.#flush(true);
    this.#commands.ready();
    if (this.#watching) this.#askToWatch();
    this.presence.ready(this.clientId);
    if (!this.#vault && canEdit(this.status.get())) void this.#openVault();
  }

  #events({ seq, events }: { seq: number; events: RoomEvent[] }): void {
    if (this.#seq !== null && seq <= this.#seq) return;
    this.#seq = seq;
    this.room.apply(events);
    this.#keepSoon();
  }

  #closed(code: number, retryAt: number | null): void {
    this.#ready = false;
    this.#commands.disconnected();
    this.#unsaved.disconnected();
    this.presence.disconnected();
    this.#sender.disconnected();
    this.comms.disconnected();
    void this.#keep();
    const ended = retryAt === null ? (endReasons[code] ?? 'gone') : null;
    if (ended) this.#commands.abandon('ended', 'The notebook can no longer be reached.');
    this.#setStatus({ connection: ended ? 'ended' : 'offline', ended, retryAt });
    if (ended === 'forbidden' || ended === 'missing' || ended === 'gone') this.#forgetKept();
    if (!ended && !this.status.get().loaded) void this.#showKept();
  }

  // --- Local edits -----------------------------------------------------------------------------------------------

  #edited(update: Uint8Array, cells: ReadonlySet<string>): void {
    this.#unsaved.add(update);
    for (const id of cells) this.#dirty.add(id);
    this.#setStatus({ unsaved: this.#unsaved.size });
    this.#vaultTimer ??= setTimeout(() => void this.#saveToVault(), VAULT_DELAY_MS);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(force = false): void {
    if (!this.#ready) return;
    const next = this.#unsaved.take(force);
    if (next) this.#socket.send(updateFrame(next.ref, next.update));
  }

  #saved(ref: number, seq: number): void {
    this.#seq = Math.max(this.#seq ?? 0, seq);
    this.#unsaved.saved(ref);
    const all = this.#unsaved.size === 0;
    if (all) this.#dirty.clear();
    this.#setStatus({ unsaved: this.#unsaved.size });
    if (this.#vaultRef > 0) void this.#vault?.then((vault) => vault.forget(ref, all)).catch(ignoreStorage);
    if (all) this.#vaultRef = 0;
    this.#flush();
  }

  #updateRefused({ code, message }: UpdateRefused): void {
    this.#drop({ code, message });
  }

  /** Gives up what is unsaved, keeps its text for the person to copy, and takes the server's document anew. */
  #drop(notice: Notice): void {
    this.refused.set({ notice, drafts: this.#takeDrafts() });
    this.#forgetUnsaved();
    this.#epoch = null;
    this.document.reset();
    this.#ready = false;
    this.#socket.reconnect(RESYNC);
  }

  #keepDraftsAndReset(): void {
    this.#drafts.push(...this.#takeDrafts());
    this.#forgetUnsaved();
    this.document.reset();
  }

  #forgetUnsaved(): void {
    this.#unsaved.clear();
    this.#dirty.clear();
    this.#vaultRef = 0;
    this.#setStatus({ unsaved: 0 });
    void this.#vault?.then((vault) => vault.forget(Number.MAX_SAFE_INTEGER, true)).catch(ignoreStorage);
  }

  #takeDrafts(): Draft[] {
    const drafts: Draft[] = [];
    for (const id of this.#unsaved.size > 0 ? this.#dirty : []) {
      const cell = this.document.cell(id);
      if (cell && !cell.deleted) drafts.push({ cell_id: id, kind: cell.kind, source: this.document.source(id) });
    }
    return drafts;
  }

  #putDraftsBack(): void {
    for (const { cell_id, kind, source } of this.#drafts.splice(0)) {
      const cell = this.document.cell(cell_id);
      if (cell?.deleted) this.document.restore([cell_id]);
      if (cell) this.document.replaceSource(cell_id, source);
      else this.document.insert([{ kind, source }], this.document.cellIds().at(-1) ?? null);
    }
  }

  // --- The vault -------------------------------------------------------------------------------------------------

  async #openVault(): Promise<void> {
    const { account } = this.status.get();
    if (!account || typeof indexedDB === 'undefined') return;
    const opened = (this.#options.openVault ?? openVault)(account.id, this.#options.fileId, this.#tab);
    this.#vault = opened;
    opened.catch(() => (this.#vault = null));
    try {
      const vault = await opened;
      const { updates, drafts, done } = await vault.adopt();
      if (updates.length === 0 && drafts.length === 0) return;
      const current = updates.filter((one) => one.epoch === this.#epoch);
      const merged = current.length > 0 ? Y.mergeUpdates(current.map((one) => one.update)) : null;
      if (merged) {
        Y.applyUpdate(this.document.ydoc, merged, REMOTE);
        this.#edited(merged, new Set(drafts.map((draft) => draft.cell_id)));
      }
      this.#drafts.push(...drafts.filter((draft) => draft.epoch !== this.#epoch));
      if (this.#ready) this.#putDraftsBack();
      await this.#saveToVault();
      await done();
    } catch (error) {
      ignoreStorage(error);
    }
  }

  async #saveToVault(): Promise<void> {
    clearTimeout(this.#vaultTimer);
    this.#vaultTimer = undefined;
    const updates = this.#unsaved.all.filter((one) => one.ref > this.#vaultRef);
    const last = updates.at(-1);
    const epoch = this.#epoch;
    if (!this.#vault || epoch === null || !last) return;
    this.#vaultRef = last.ref;
    const drafts = this.#takeDrafts();
    try {
      await (await this.#vault).save(epoch, updates, drafts);
    } catch (error) {
      ignoreStorage(error);
    }
  }

  // --- The notebook as it was last seen ------------------------------------------------------------------------------

  #keepSoon(): void {
    this.#keepTimer ??= setTimeout(() => void this.#keep(), KEEP_DELAY_MS);
  }

  /** Writes what is unsaved into the vault, and then the whole: it never holds an edit that the vault does not. */
  async #keep(): Promise<void> {
    clearTimeout(this.#keepTimer);
    this.#keepTimer = undefined;
    const { account, file, loaded, ended, readOnlyReason } = this.status.get();
    const epoch = this.#epoch;
    const keeps = loaded && !ended && account && file && epoch !== null && typeof indexedDB !== 'undefined';
    const update = keeps ? Y.encodeStateAsUpdate(this.document.ydoc) : null;
    const withOutputs = !omitsOutputs(this.document.metadata());
    const state = this.room.state;
    await this.#saveToVault();
    if (!keeps || !update) return;
    await keepNotebook({ account, file, readOnlyReason, epoch, update, state }, withOutputs).catch(ignoreStorage);
  }

  #forgetKept(): void {
    const account = this.status.get().account?.id ?? this.#options.accountId;
    if (account && typeof indexedDB !== 'undefined') forgetNotebook(account, this.#options.fileId).catch(ignoreStorage);
  }

  /** Shows the notebook as this browser last saw it, while the server cannot be reached. */
  async #showKept(): Promise<void> {
    const { accountId, fileId } = this.#options;
    if (!accountId || typeof indexedDB === 'undefined') return;
    const kept = await keptNotebook(accountId, fileId).catch(() => null);
    const { loaded, connection } = this.status.get();
    if (!kept || loaded || this.#epoch !== null || connection !== 'offline') return;
    this.#epoch = kept.epoch;
    Y.applyUpdate(this.document.ydoc, kept.update, REMOTE);
    this.room.replace(kept.state);
    const { file, account, readOnlyReason } = kept;
    this.#setStatus({ loaded: true, file, abilities: file.abilities, account, readOnlyReason });
    if (canEdit(this.status.get())) void this.#openVault();
  }

  #setStatus(part: Partial<RoomStatus>): void {
    const next = { ...this.status.get(), ...part };
    this.status.patch({ ...part, save: saveState(next) });
  }
}

/** Colaboratory's mark of a notebook whose outputs are stored nowhere. */
function omitsOutputs(metadata: Readonly<Record<string, unknown>>): boolean {
  return (metadata['colab'] as { private_outputs?: unknown } | undefined)?.private_outputs === true;
}

/** Private windows and full disks have no IndexedDB: the edits then live as long as the tab. */
function ignoreStorage(error: unknown): void {
  // oxlint-disable-next-line eslint/no-console -- nothing is lost yet, so the person is not alarmed
  console.warn('Unsaved edits cannot be kept in this browser.', error);
}

function roomUrl(fileId: string): string {
  const url = new URL(`/api/v1/files/${encodeURIComponent(fileId)}/room`, location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}
