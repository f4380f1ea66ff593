/**
 * What outputs may do beyond showing (docs/protocols.md, section 8): this page holds their frames, and decides by the
 * room's state alone. The server checks the execution once more in each verb.
 */
import { api } from '@labora/api';
import { CommandError, type Execution, liveExecution, ownExecution, type PageAsk, Store } from '@labora/document';
import { type FrameContext, type FrameHandle, type FrameVerb, type LiveHost, Refusal } from '@labora/outputs';
import { t } from '@labora/ui';
import type { NotebookController } from '../model/controller';
import { type Answered, Questions } from './questions';
import { bareName, inFolder, putFile, saveFile } from './runtime-files';

type Args = Readonly<Record<string, unknown>>;
type Verb = (context: FrameContext, execution: Execution, args: Args, files: readonly Blob[]) => Promise<unknown>;

interface Attached {
  context: FrameContext;
  handle: FrameHandle;
}

/** An `upload` that waits for the person under its cell. */
export interface UploadRequest {
  id: string;
  multiple: boolean;
  accept: string;
  put(file: File, onProgress: (sent: number) => void): Promise<void>;
  answer(files: readonly { name: string; size: number }[]): void;
  signal: AbortSignal;
}

/** Cells by the names that programs have for them. */
const KINDS = new Map<unknown, 'code' | 'markdown'>([
  ['code', 'code'],
  ['text', 'markdown'],
  ['markdown', 'markdown'],
]);
const DEVICES = new Set(['camera', 'microphone']);

export class LiveOutputs implements LiveHost {
  /** Cells whose frame is asked for, with the execution that asks: it is made whatever the outputs are. */
  readonly wanted = new Store<ReadonlyMap<string, string>>(new Map());
  /** By cell; it may ask for several at once, from threads. */
  readonly uploads = new Store<ReadonlyMap<string, readonly UploadRequest[]>>(new Map());
  readonly questions = new Questions();
  readonly #controller: NotebookController;
  readonly #frames = new Map<string, Attached>();
  readonly #waiting = new Map<string, Set<(frame: Attached) => void>>();
  /** What the person let this notebook's live outputs use, until the page is left. */
  readonly #devices = new Set<string>();

  /** How each verb of a frame is done, once its output is known to be live. */
  readonly verbs: Partial<Record<FrameVerb, Verb>> = {
    call: (_context, execution, args) => this.#call(execution, args),
    port: (context, execution, { port, path }) => this.#port(context, execution, port, path),
    files: (_context, execution, args, files) => this.#put(execution, args, files),
    view: (context, execution, { path }) => this.#view(context.cellId, execution, path),
    cell: (context, _execution, { code, kind }) => this.#addCell(context.cellId, code, kind ?? 'code'),
    device: (context, _execution, { kinds }) => this.#device(context, kinds),
    disconnect: (context) => this.#disconnect(context.cellId),
  };

  constructor(controller: NotebookController) {
    this.#controller = controller;
    const { asks } = controller.client;
    asks.handle('javascript', (ask, signal) => this.#evaluate(ask, signal));
    asks.handle('upload', (ask, signal) => this.#upload(ask, signal));
    asks.handle('download', async (ask) =>
      saveFile(this.#runtimeOf(this.#executionOf(ask)), text(ask.content['path'])),
    );
    asks.handle('view', (ask) =>
      this.#begun(ask, () => this.#view(ask.cell_id, this.#executionOf(ask), ask.content['path'])),
    );
    for (const kind of ['scratch_cell', 'add_cell'])
      asks.handle(kind, (ask) => this.#begun(ask, () => this.#addCell(ask.cell_id, ask.content['content'], 'code')));
  }

  // --- What frames ask -------------------------------------------------------------------------------------------------

  isLive(context: FrameContext): boolean {
    return this.#live(context) !== null;
  }

  isOwn({ cellId, executionId }: FrameContext, was: boolean): boolean {
    const { room, client } = this.#controller;
    const execution = ownExecution(room.state, client.status.get().account?.id, cellId);
    if (execution === null || execution.id !== executionId) return false;
    const runtime = room.state.runtimes[execution.account.id];
    return was || (runtime?.status !== 'ended' && runtime?.kernel !== 'dead');
  }

  #live({ cellId, executionId }: FrameContext): Execution | null {
    const { room, client } = this.#controller;
    const execution = liveExecution(room.state, client.status.get().account?.id, cellId);
    return execution !== null && execution.id === executionId ? execution : null;
  }

  onLive(context: FrameContext, listener: () => void): () => void {
    const { room, client } = this.#controller;
    const leave = [
      room.on(`cell:${context.cellId}`, listener),
      room.on('runtimes', listener),
      client.status.subscribe(listener),
    ];
    return () => leave.forEach((stop) => stop());
  }

  async ask(context: FrameContext, verb: FrameVerb, args: Args, files: readonly Blob[]): Promise<unknown> {
    const execution = this.#live(context);
    if (execution === null) throw new Refusal('not_live', t('live.notLive'));
    const does = this.verbs[verb];
    if (does === undefined) throw new Refusal('unsupported', t('live.unsupported'));
    return does(context, execution, args, files);
  }

  devices(): readonly string[] {
    return [...this.#devices];
  }

  attach(context: FrameContext, handle: FrameHandle): () => void {
    const attached = { context, handle };
    this.#frames.set(context.cellId, attached);
    for (const found of this.#waiting.get(context.cellId) ?? []) found(attached);
    return () => {
      if (this.#frames.get(context.cellId) === attached) this.#frames.delete(context.cellId);
    };
  }

  async #call(execution: Execution, { name, args, kwargs }: Args): Promise<unknown> {
    if (typeof name !== 'string') throw new Refusal('invalid', t('live.invalid'));
    const call = {
      execution_id: execution.id,
      name,
      args: Array.isArray(args) ? args : [],
      kwargs: typeof kwargs === 'object' && kwargs !== null ? kwargs : {},
    };
    const result = await this.#controller.client.command<CallResult>('call', call);
    if (result.status === 'error') throw new Refusal('error', `${result.ename}: ${result.evalue}`);
    return { data: result.data, metadata: result.metadata };
  }

  #port(context: FrameContext, execution: Execution, port: unknown, path: unknown): Promise<unknown> {
    if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65_535)
      throw new Refusal('invalid', t('live.invalid'));
    const where = typeof path === 'string' ? { path } : {};
    return api.openPort(this.#runtimeOf(execution), port as number, { ...where, fallback: context.opaque === true });
  }

  async #put(execution: Execution, { folder, names }: Args, files: readonly Blob[]): Promise<unknown> {
    const runtime = this.#runtimeOf(execution);
    const into = typeof folder === 'string' ? folder : '/content';
    const called = Array.isArray(names) ? names : [];
    const done: { name: string; size: number }[] = [];
    for (const [at, file] of files.entries()) {
      const name = bareName(typeof called[at] === 'string' ? called[at] : `file-${at}`);
      await putFile(runtime, inFolder(into, name), file);
      done.push({ name, size: file.size });
    }
    return done;
  }

  async #view(cellId: string, execution: Execution, path: unknown): Promise<null> {
    const runtimeId = this.#runtimeOf(execution);
    this.#mustAsk(cellId);
    await this.questions.ask(cellId, { kind: 'view', runtimeId, path: text(path) });
    return null;
  }

  async #disconnect(cellId: string): Promise<null> {
    if (!(await this.questions.ask(cellId, { kind: 'disconnect' }))) throw new Refusal('refused', t('live.refused'));
    await this.#controller.send('disconnect');
    return null;
  }

  #mustAsk(cellId: string): void {
    if (!this.questions.mayAsk(cellId)) throw new Refusal('refused', t('live.askedAlready'));
  }

  async #addCell(cellId: string, content: unknown, wanted: unknown): Promise<null> {
    const controller = this.#controller;
    const source = text(content);
    const kind = KINDS.get(wanted);
    if (kind === undefined) throw new Refusal('invalid', t('live.invalid'));
    if (!controller.canEdit) throw new Refusal('read_only', t('live.readOnly'));
    if (!(await this.questions.ask(cellId, { kind: 'cell', cell: kind, source })))
      throw new Refusal('refused', t('live.refused'));
    const [made] = controller.doc.insert([{ kind, source }], controller.doc.cell(cellId) ? cellId : null);
    if (made) controller.activate(made);
    return null;
  }

  async #device(context: FrameContext, kinds: unknown): Promise<null> {
    const asked = Array.isArray(kinds) ? kinds.filter((kind): kind is string => DEVICES.has(kind as string)) : [];
    if (asked.length === 0) throw new Refusal('invalid', t('live.invalid'));
    if (context.opaque === true) throw new Refusal('no_device', t('live.noDevice'));
    if (!asked.every((kind) => this.#devices.has(kind))) {
      const given: Answered = await this.questions.ask(context.cellId, { kind: 'device', devices: asked });
      if (!given) throw new Refusal('refused', t('live.refused'));
      for (const kind of asked) this.#devices.add(kind);
    }
    const frame = this.#frames.get(context.cellId);
    // After this answer: the frame that hears it waits for its end.
    setTimeout(() => frame?.handle.renew());
    return null;
  }

  #runtimeOf(execution: Execution): string {
    if (execution.runtime_id === null) throw new Refusal('no_runtime', t('live.notLive'));
    return execution.runtime_id;
  }

  // --- What programs ask -----------------------------------------------------------------------------------------------

  #executionOf(ask: PageAsk): Execution {
    const { room, client } = this.#controller;
    const execution = room.state.executions[ask.execution_id];
    if (execution === undefined || execution.account.id !== client.status.get().account?.id)
      throw new CommandError('not_live', t('live.notLive'));
    return execution;
  }

  /** Begins what goes on in a dialog, and does not let the program wait for it; it hears what cannot even begin. */
  async #begun(ask: PageAsk, begin: () => Promise<null>): Promise<null> {
    try {
      if (!this.#controller.canEdit && ask.kind !== 'view') throw new Refusal('read_only', t('live.readOnly'));
      this.#mustAsk(ask.cell_id);
      begin().catch(() => {});
    } catch (error) {
      if (error instanceof Refusal) throw new CommandError(error.code, error.message);
      throw error;
    }
    return null;
  }

  async #evaluate(ask: PageAsk, signal: AbortSignal): Promise<unknown> {
    const frame = await this.#frameOf(ask, signal);
    try {
      return { value: await frame.handle.run(text(ask.content['script']), signal) };
    } catch (error) {
      const code = error instanceof Refusal ? error.code : 'javascript_error';
      throw new CommandError(code, error instanceof Error ? error.message : String(error));
    }
  }

  /** Returns the frame of the cell that asks, which is made for it when there is none. */
  async #frameOf(ask: PageAsk, signal: AbortSignal): Promise<Attached> {
    const { cell_id: cellId, execution_id: executionId } = ask;
    const { doc, room } = this.#controller;
    if (doc.cell(cellId)?.deleted !== false) throw new CommandError('no_cell', t('live.noCell'));
    const shown = () => room.state.cells[cellId]?.execution_id === executionId;
    if (!shown()) throw new CommandError('replaced', t('live.replaced'));
    const fits = (found: Attached | undefined) => found?.context.executionId === executionId;
    if (this.wanted.get().get(cellId) !== executionId)
      this.wanted.set(new Map(this.wanted.get()).set(cellId, executionId));
    const there = this.#frames.get(cellId);
    if (there !== undefined && fits(there)) return there;
    const waiting = this.#waiting.get(cellId) ?? new Set();
    this.#waiting.set(cellId, waiting);
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        waiting.delete(listen);
        leave();
        settle();
      };
      const listen = (found: Attached) => {
        if (fits(found)) end(() => resolve(found));
      };
      const refuse = (code: string, message: string) => end(() => reject(new CommandError(code, message)));
      const leave = room.on(`cell:${cellId}`, () => shown() || refuse('replaced', t('live.replaced')));
      waiting.add(listen);
      signal.addEventListener('abort', () => refuse('gone', 'Nobody waits for it any more.'));
    });
  }

  #upload(ask: PageAsk, signal: AbortSignal): Promise<unknown> {
    const runtime = this.#runtimeOf(this.#executionOf(ask));
    const folder = text(ask.content['folder']) || '/content';
    return new Promise((resolve) => {
      const set = (request: UploadRequest | null) => {
        const uploads = new Map(this.uploads.get());
        const others = (uploads.get(ask.cell_id) ?? []).filter(({ id }) => id !== ask.ask_id);
        if (request !== null) uploads.set(ask.cell_id, [...others, request]);
        else if (others.length > 0) uploads.set(ask.cell_id, others);
        else uploads.delete(ask.cell_id);
        this.uploads.set(uploads);
      };
      signal.addEventListener('abort', () => set(null));
      set({
        id: ask.ask_id,
        multiple: ask.content['multiple'] !== false,
        accept: text(ask.content['accept']),
        put: (file, onProgress) => putFile(runtime, inFolder(folder, file.name), file, signal, onProgress),
        answer(files) {
          set(null);
          resolve(files);
        },
        signal,
      });
    });
  }
}

type CallResult =
  | { status: 'ok'; data: Record<string, unknown>; metadata: Record<string, unknown> }
  | { status: 'error'; ename: string; evalue: string; traceback: string[] };

const text = (value: unknown): string => (typeof value === 'string' ? value : '');
