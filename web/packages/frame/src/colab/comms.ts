/** `google.colab.kernel.comms`: a program in the frame and one in the kernel that talk by name. */
import { type CommMessage } from '@labora/outputs/core/protocol';
import { type Bridge } from '../bridge';

export interface ColabMessage {
  data: unknown;
  buffers: readonly ArrayBuffer[];
}

type Bytes = ArrayBuffer | ArrayBufferView;
type Target = (comm: ColabComm, message: ColabMessage) => unknown;

const toBuffer = (bytes: Bytes): ArrayBuffer =>
  bytes instanceof ArrayBuffer
    ? bytes
    : (bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer);

/** Works on plain http too, where `randomUUID` is missing. */
function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** One comm. `messages` gives what the kernel says until it is closed. */
export class ColabComm {
  private readonly queue: ColabMessage[] = [];
  private readonly waiting: (() => void)[] = [];
  private closed = false;

  constructor(
    private readonly bridge: Bridge,
    private readonly id: string,
    private readonly forget: () => void,
  ) {}

  async send(data: unknown, options: { buffers?: readonly Bytes[] } = {}): Promise<void> {
    if (this.closed) throw new Error('The comm is closed.');
    if (!this.bridge.live) throw new Error('This output cannot talk to the kernel.');
    this.bridge.sendComm({
      id: randomId(),
      type: 'comm_msg',
      content: { comm_id: this.id, data },
      metadata: {},
      buffers: (options.buffers ?? []).map(toBuffer),
    });
  }

  close(): void {
    if (this.closed) return;
    const content = { comm_id: this.id, data: {} };
    if (this.bridge.live)
      this.bridge.sendComm({ id: randomId(), type: 'comm_close', content, metadata: {}, buffers: [] });
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

  constructor(private readonly bridge: Bridge) {
    bridge.onComm((message) => this.receive(message));
  }

  /** Opens a comm to a target that the kernel registered. */
  async open(target: string, data: unknown = {}, buffers: readonly Bytes[] = []): Promise<ColabComm> {
    const id = randomId();
    await this.bridge.ask('follow', { comm_id: id });
    const comm = this.made(id);
    this.bridge.sendComm({
      id: randomId(),
      type: 'comm_open',
      content: { comm_id: id, target_name: target, data },
      metadata: {},
      buffers: buffers.map(toBuffer),
    });
    return comm;
  }

  /** Lets the kernel open comms by this name. */
  registerTarget(name: string, target: Target): void {
    this.targets.set(name, target);
    if (this.bridge.live) this.bridge.ask('follow', { target_name: name }).catch(() => {});
  }

  private made(id: string): ColabComm {
    const comm = new ColabComm(this.bridge, id, () => this.comms.delete(id));
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
