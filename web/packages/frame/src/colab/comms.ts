/** `google.colab.kernel.comms`: a program in the frame and one in the kernel that talk by name. */
import { type CommMessage } from '@labora/outputs/core/protocol';
import { type Bridge } from '../bridge';
import { type Bytes, type CommPort } from '../comm-port';
import { randomId } from '@labora/api/ids';

export interface ColabMessage {
  data: unknown;
  buffers: readonly ArrayBuffer[];
}

type Target = (comm: ColabComm, message: ColabMessage) => unknown;

/** One comm. `messages` gives what the kernel says until it is closed. */
export class ColabComm {
  private readonly queue: ColabMessage[] = [];
  private readonly waiting: (() => void)[] = [];
  private closed = false;

  constructor(
    private readonly bridge: Bridge,
    private readonly port: CommPort,
    private readonly id: string,
    private readonly forget: () => void,
  ) {}

  async send(data: unknown, options: { buffers?: readonly Bytes[] } = {}): Promise<void> {
    if (this.closed) throw new Error('The comm is closed.');
    if (!this.bridge.live) throw new Error('This output cannot talk to the kernel.');
    await this.port.send('comm_msg', { comm_id: this.id, data }, {}, options.buffers);
  }

  close(): void {
    if (this.closed) return;
    if (this.bridge.live) this.port.send('comm_close', { comm_id: this.id, data: {} }).catch(() => {});
    this.end();
  }

  get messages(): AsyncIterable<ColabMessage> {
    return { [Symbol.asyncIterator]: () => ({ next: () => this.next() }) };
  }

  received(message: ColabMessage): void {
    this.queue.push(message);
    this.wake();
  }

  end(): void {
    this.closed = true;
    this.forget();
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private async next(): Promise<IteratorResult<ColabMessage>> {
    for (;;) {
      const value = this.queue.shift();
      if (value !== undefined) return { value, done: false };
      if (this.closed) return { value: undefined, done: true };
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }
}

export class ColabComms {
  private readonly comms = new Map<string, ColabComm>();
  private readonly targets = new Map<string, Target>();

  constructor(
    private readonly bridge: Bridge,
    private readonly port: CommPort,
  ) {
    port.onAny((message) => this.receive(message));
  }

  /** Opens a comm to a target that the kernel registered. */
  async open(target: string, data: unknown = {}, buffers: readonly Bytes[] = []): Promise<ColabComm> {
    const id = randomId();
    const comm = this.made(id);
    await this.port.send('comm_open', { comm_id: id, target_name: target, data }, {}, buffers);
    return comm;
  }

  /** Lets the kernel open comms by this name. */
  registerTarget(name: string, target: Target): void {
    this.targets.set(name, target);
  }

  private made(id: string): ColabComm {
    const comm = new ColabComm(this.bridge, this.port, id, () => this.comms.delete(id));
    this.comms.set(id, comm);
    return comm;
  }

  private receive({ type, content, buffers }: CommMessage): void {
    const message = { data: content.data, buffers };
    if (type === 'comms_gone') {
      for (const comm of Array.from(this.comms.values())) comm.end();
      return;
    }
    const known = this.comms.get(content.comm_id);
    if (type === 'comm_msg') known?.received(message);
    else if (type === 'comm_close') known?.end();
    else if (known === undefined) this.targets.get(content.target_name ?? '')?.(this.made(content.comm_id), message);
  }
}
