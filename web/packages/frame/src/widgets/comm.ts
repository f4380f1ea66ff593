/** A comm as `@jupyter-widgets/base` wants one, over the frame's port. */
import type { CommMessage } from '@labora/outputs/core/protocol';
import type { Bytes, CommPort } from '../comm-port';
import { randomId } from '@labora/api/ids';

interface Callbacks {
  iopub?: { status?: (message: unknown) => void };
}

type Handler = (message: unknown) => void;

const idle = { content: { execution_state: 'idle' } };

export class FrameComm {
  private onMessage: Handler | null = null;
  /** What was said before the model was ready to hear it. */
  private early: unknown[] = [];
  private onClose: Handler | null = null;

  constructor(
    readonly comm_id: string,
    private readonly port: CommPort,
    readonly target_name = 'jupyter.widget',
  ) {}

  open(data: unknown, callbacks?: Callbacks, metadata?: Record<string, unknown>, buffers?: Bytes[]): string {
    const content = { comm_id: this.comm_id, target_name: this.target_name, data };
    return this.post('comm_open', content, callbacks, metadata, buffers);
  }

  send(data: unknown, callbacks?: Callbacks, metadata?: Record<string, unknown>, buffers?: Bytes[]): string {
    return this.post('comm_msg', { comm_id: this.comm_id, data }, callbacks, metadata, buffers);
  }

  close(data: unknown = {}, callbacks?: Callbacks, metadata?: Record<string, unknown>, buffers?: Bytes[]): string {
    return this.post('comm_close', { comm_id: this.comm_id, data }, callbacks, metadata, buffers);
  }

  on_msg(handler: Handler): void {
    this.onMessage = handler;
    for (const told of this.early.splice(0)) handler(told);
  }

  on_close(handler: Handler): void {
    this.onClose = handler;
  }

  heard(message: CommMessage): void {
    const { content, metadata } = message;
    const buffers = message.buffers.map((buffer) => new DataView(buffer));
    const told = { header: {}, parent_header: {}, content, metadata, buffers };
    if (message.type === 'comm_close') this.onClose?.(told);
    else if (this.onMessage === null) this.early.push(told);
    else this.onMessage(told);
  }

  private post(
    type: 'comm_open' | 'comm_msg' | 'comm_close',
    content: CommMessage['content'],
    callbacks: Callbacks | undefined,
    metadata: Record<string, unknown> = {},
    buffers: Bytes[] = [],
  ): string {
    // Whatever became of it, the model may send its next change: the kernel's own state is told by the page.
    const dealt = this.port.send(type, content, metadata, buffers).catch(() => undefined);
    void dealt.then(() => callbacks?.iopub?.status?.(idle));
    return randomId();
  }
}
