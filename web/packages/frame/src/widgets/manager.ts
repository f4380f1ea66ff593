/** The one widget manager of a frame: its models are those of the kernel, or of the file, as the page tells them. */
import type * as Base from '@jupyter-widgets/base';
import { ManagerBase } from '@jupyter-widgets/base-manager';
import { put_buffers, type IClassicComm, type WidgetModel } from '@jupyter-widgets/base';
import type { FollowedModel } from '@labora/outputs/core/comm-protocol';
import { say, type ViewEnv } from '@labora/outputs/core';
import type { CommMessage } from '@labora/outputs/core/protocol';
import type { CommPort } from '../comm-port';
import { FrameComm } from './comm';
import { ModuleLoader } from './modules';
import { modernise } from './older';

/** There is no such model, neither in a kernel nor in the file. */
export class Missing extends Error {}

type Options = Base.IModelOptions & { model_id: string };

const REFERENCE = 'IPY_MODEL_';

export class Manager extends ManagerBase {
  private readonly modules: ModuleLoader;
  private readonly comms = new Map<string, FrameComm>();
  private readonly following = new Map<string, Promise<void>>();
  private readonly awaited = new Map<string, Set<() => void>>();
  private readonly stands = new Set<() => void>();
  /** Why the widgets take no changes; null when they do. */
  why: string | null = null;
  private gone = false;
  private standing: string | null = null;

  constructor(
    private readonly port: CommPort,
    readonly env: ViewEnv,
  ) {
    super();
    this.modules = new ModuleLoader((name) => port.module(name));
    port.onAny((message) => this.heard(message));
  }

  /** Calls `listener` when `why` changes; returns how to stop that. */
  onStand(listener: () => void): () => void {
    this.stands.add(listener);
    return () => this.stands.delete(listener);
  }

  /** Calls `then` once the kernel opens a model that was missing. */
  whenOpened(id: string, then: () => void): void {
    const set = this.awaited.get(id) ?? new Set();
    this.awaited.set(id, set.add(then));
  }

  override async get_model(id: string): Promise<WidgetModel> {
    if (!this.has_model(id)) {
      let following = this.following.get(id);
      if (following === undefined) {
        following = this.follow(id).finally(() => this.following.delete(id));
        this.following.set(id, following);
      }
      await following;
    }
    return super.get_model(id);
  }

  private async follow(id: string): Promise<void> {
    const { source, mine, owner, models } = await this.port.follow(id);
    if (source === 'none') throw new Missing(id);
    if (source === 'saved') this.stand(say('widgetSaved'));
    else this.stand(mine ? null : say('widgetOthers', { name: owner }));
    this.adopt(models);
  }

  /** Makes models; each can be asked for at once, so that they find each other in whatever order they come. */
  private adopt(models: readonly FollowedModel[]): void {
    const fresh = models.filter((model) => !this.has_model(model.id));
    const known = new Set(fresh.map((model) => model.id));
    for (const { id, state, buffers } of fresh) {
      const whole = modernise(state);
      for (const key of Object.keys(whole)) whole[key] = this.withoutDangling(whole[key], known);
      put_buffers(
        whole as never,
        buffers.map((one) => [...one.path]),
        buffers.map((one) => new DataView(one.data)) as never,
      );
      const comm = new FrameComm(id, this.port);
      this.comms.set(id, comm);
      const options: Options = {
        model_id: id,
        model_name: String(whole['_model_name']),
        model_module: String(whole['_model_module']),
        model_module_version: String(whole['_model_module_version']),
        comm: comm as unknown as IClassicComm,
      };
      this.new_model(options, whole).catch(() => undefined);
    }
  }

  /** Takes references away that lead nowhere: one lost child must not take its whole box with it. */
  private withoutDangling(value: unknown, known: ReadonlySet<string>): unknown {
    const dangles = (one: unknown): boolean =>
      typeof one === 'string' &&
      one.startsWith(REFERENCE) &&
      !known.has(one.slice(REFERENCE.length)) &&
      !this.has_model(one.slice(REFERENCE.length));
    if (Array.isArray(value)) return value.filter((one) => !dangles(one));
    return dangles(value) ? null : value;
  }

  private heard(message: CommMessage): void {
    const id = message.content.comm_id;
    if (message.type === 'comms_gone') {
      this.gone = true;
      return this.stand(this.standing);
    }
    if (message.type !== 'comm_open') {
      const state = (message.content.data as { state?: Record<string, unknown> } | null)?.state;
      if (state) Object.assign(state, modernise(state));
      this.comms.get(id)?.heard(message);
      if (message.type === 'comm_close') this.comms.delete(id);
      return;
    }
    if (message.content.target_name !== 'jupyter.widget') return;
    const waiting = this.awaited.get(id);
    this.awaited.delete(id);
    if (waiting) for (const then of waiting) then();
    // Otherwise it is a link between models of this frame, or one of another life of the kernel.
    else if (!this.has_model(id)) this.get_model(id).catch(() => undefined);
    if (this.gone) {
      this.gone = false;
      this.stand(this.standing);
    }
  }

  private stand(why: string | null): void {
    this.standing = why;
    const now = this.gone ? say('widgetEnded') : why;
    if (now === this.why) return;
    this.why = now;
    for (const listener of Array.from(this.stands)) listener();
  }

  protected override async loadClass(name: string, module: string, version: string): Promise<never> {
    const found = (await this.modules.load(module, version))[name];
    if (found === undefined) throw new Error(`The widget module ${module} has no ${name}.`);
    return found as never;
  }

  protected override _create_comm(
    target: string,
    id: string,
    data?: unknown,
    metadata?: unknown,
  ): Promise<IClassicComm> {
    const comm = new FrameComm(id, this.port, target);
    this.comms.set(id, comm);
    comm.open(data ?? {}, undefined, (metadata ?? {}) as Record<string, unknown>);
    return Promise.resolve(comm as unknown as IClassicComm);
  }

  protected override _get_comm_info(): Promise<Record<string, never>> {
    return Promise.resolve({});
  }
}
