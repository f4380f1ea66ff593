/** The page's side of one frame's comms: which models it is shown, and what of its messages reaches the kernel. */
import {
  liveExecution,
  neededFor,
  type CommNews,
  referencesOf,
  type RoomClient,
  savedWidgets,
  type WidgetModel,
} from '@labora/document';
import type { CommFrameMessage, CommMessage, Followed, FrameComms, FrameContext, PageMessage } from '@labora/outputs';

const WIDGETS = 'jupyter.widget';
const nothing: Followed = { source: 'none', mine: false, owner: '', models: [] };

export class WidgetLink implements FrameComms {
  readonly #client: RoomClient;
  readonly #frame: FrameContext;
  readonly #post: (message: PageMessage) => void;
  readonly #module: (name: string) => Promise<string | null>;
  readonly #followed = new Set<string>();
  /** Comms that the frame opened itself, or that the kernel opened to it. */
  readonly #own = new Set<string>();
  /** Models that were nowhere when the frame asked for them. */
  readonly #awaited = new Set<string>();
  readonly #leave: (() => void)[] = [];
  #disposed = false;

  /** `module` returns the program of a widget's module in this account's runtime. */
  constructor(
    client: RoomClient,
    frame: FrameContext,
    post: (message: PageMessage) => void,
    module: (name: string) => Promise<string | null>,
  ) {
    this.#client = client;
    this.#frame = frame;
    this.#post = post;
    this.#module = module;
    const account = this.#account;
    if (account) this.#leave.push(client.comms.listen(account, (news) => this.#heard(news)));
  }

  receive(message: CommFrameMessage): void {
    if (message.t === 'comm') return this.#send(message.message);
    const { request } = message;
    if (message.t === 'follow') {
      void this.#whenKnown().then(() => {
        if (!this.#disposed) this.#post({ t: 'followed', request, value: this.#follow(message.id) });
      });
      return;
    }
    const source = this.#mine ? this.#module(message.name) : Promise.resolve(null);
    void source.then(
      (text) => this.#post({ t: 'module', request, source: text }),
      () => this.#post({ t: 'module', request, source: null }),
    );
  }

  dispose(): void {
    this.#disposed = true;
    for (const leave of this.#leave) leave();
  }

  /** Whose execution the output is of. */
  get #account(): string | null {
    return this.#client.room.state.executions[this.#frame.executionId ?? '']?.account.id ?? null;
  }

  get #mine(): boolean {
    const me = this.#client.status.get().account?.id;
    return me !== undefined && me === this.#account;
  }

  /** Whether its output may act now. */
  get #live(): boolean {
    const { room, status } = this.#client;
    const execution = liveExecution(room.state, status.get().account?.id, this.#frame.cellId);
    return execution !== null && execution.id === this.#frame.executionId;
  }

  #models(): ReadonlyMap<string, WidgetModel> {
    return this.#client.comms.models(this.#account ?? '');
  }

  /** Waits until the server has told which widgets live, or cannot be reached. */
  #whenKnown(): Promise<void> {
    const { comms, status } = this.#client;
    const settled = () => comms.known || ['offline', 'ended'].includes(status.get().connection);
    if (settled()) return Promise.resolve();
    return new Promise((resolve) => {
      const look = () => {
        if (!settled()) return;
        for (const leave of leaving) leave();
        resolve();
      };
      const leaving = [comms.subscribe(look), status.subscribe(look)];
    });
  }

  #follow(id: string): Followed {
    const live = this.#models();
    // Whoever edits the document writes what it keeps, programs of widgets among it: they run beside nothing that acts.
    const closed = live.has(id) || this.#frame.own === true || this.#live;
    const saved = closed ? null : savedWidgets(this.#client.document.metadata());
    const models = neededFor(id, saved ?? live);
    if (models.length === 0) {
      this.#awaited.add(id);
      return nothing;
    }
    const plain = models.map((model) => ({ id: model.id, state: model.state, buffers: model.buffers }));
    if (saved) return { source: 'saved', mine: false, owner: '', models: plain };
    for (const model of models) this.#followed.add(model.id);
    const owner = this.#client.room.state.executions[this.#frame.executionId ?? '']?.account.name ?? '';
    return { source: 'live', mine: this.#mine, owner, models: plain };
  }

  #heard(news: CommNews): void {
    if (news.from === this) return;
    const { type, content, metadata, buffers } = news;
    const { comm_id: id, target_name: target } = content;
    const message: CommMessage = { type, content: { ...content, data: content.data ?? {} }, metadata, buffers };
    if (type === 'comms_gone') {
      if (this.#followed.size + this.#own.size > 0) this.#post({ t: 'comm', message });
      this.#followed.clear();
      this.#own.clear();
    } else if (type === 'comm_open' && target !== undefined && target !== WIDGETS) {
      if (news.executionId === null || news.executionId !== this.#frame.executionId) return;
      this.#own.add(id);
      this.#post({ t: 'comm', message });
    } else if (type === 'comm_open') {
      if (this.#followed.has(id)) this.#renew(id, message);
      else if (this.#awaited.delete(id) || this.#joins(id)) this.#post({ t: 'comm', message });
    } else if (this.#followed.has(id) || this.#own.has(id)) {
      this.#post({ t: 'comm', message });
      if (type !== 'comm_close') return;
      this.#followed.delete(id);
      this.#own.delete(id);
    }
  }

  /** Whether a new model is a link between models that the frame has. */
  #joins(id: string): boolean {
    const model = this.#models().get(id);
    const link = model?.state['_model_name'];
    if (!model || (link !== 'LinkModel' && link !== 'DirectionalLinkModel')) return false;
    return [...referencesOf(model.state)].some((end) => this.#followed.has(end));
  }

  /** After a break the server tells the whole state anew: the frame takes it as one update of what it has. */
  #renew(id: string, opened: CommMessage): void {
    this.#post({ t: 'comm', message: opened });
    this.#putBack(id);
  }

  /** Tells the frame what a model's state is. */
  #putBack(id: string): void {
    const model = this.#models().get(id);
    if (!model) return;
    const data = { method: 'update', state: model.state, buffer_paths: model.buffers.map((one) => one.path) };
    const buffers = model.buffers.map((one) => one.data);
    const message: CommMessage = { type: 'comm_msg', content: { comm_id: id, data }, metadata: {}, buffers };
    this.#post({ t: 'comm', message });
  }

  #send(message: CommMessage): void {
    const { id = '', type, content, metadata, buffers } = message;
    const { executionId } = this.#frame;
    const opens = type === 'comm_open';
    const known = opens || this.#own.has(content.comm_id) || this.#models().has(content.comm_id);
    if (type === 'comms_gone' || executionId === null || !this.#live || !known) {
      this.#post({ t: 'comm-done', id, ok: false });
      if (type === 'comm_msg' && this.#followed.has(content.comm_id)) this.#putBack(content.comm_id);
      return;
    }
    if (opens) this.#own.add(content.comm_id);
    const sent = { type, execution_id: executionId, content, metadata, buffers };
    this.#client.sendComm(sent, this).then(
      () => this.#post({ t: 'comm-done', id, ok: true }),
      () => {
        if (opens) this.#own.delete(content.comm_id);
        this.#post({ t: 'comm-done', id, ok: false });
      },
    );
  }
}
