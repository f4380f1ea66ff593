/** Comms of this output with its kernel, through the page: what is sent, what is heard, and the models that are followed. */
import type { CommFrameMessage, CommPageMessage, Followed } from '@labora/outputs/core/comm-protocol';
import type { CommMessage } from '@labora/outputs/core/protocol';

import { randomId } from '@labora/api/ids';

export type Bytes = ArrayBuffer | ArrayBufferView;
export type CommHandler = (message: CommMessage) => void;

const copy = (bytes: Bytes): ArrayBuffer =>
  bytes instanceof ArrayBuffer
    ? bytes
    : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).slice().buffer;

export class CommPort {
  private readonly answers = new Map<number, (value: never) => void>();
  private readonly sent = new Map<string, { resolve(): void; reject(error: Error): void }>();
  private readonly listeners = new Set<CommHandler>();
  private requests = 0;

  constructor(private readonly post: (message: CommFrameMessage) => void) {}

  /** Takes a message of the page. */
  receive(message: CommPageMessage): void {
    if (message.t === 'followed') this.answer(message.request, message.value);
    else if (message.t === 'module') this.answer(message.request, message.source);
    else if (message.t === 'comm-done') {
      const waiting = this.sent.get(message.id);
      this.sent.delete(message.id);
      if (message.ok) waiting?.resolve();
      else waiting?.reject(new Error('The kernel did not take it.'));
    } else for (const listener of this.listeners) listener(message.message);
  }

  /** A widget's model and all that it needs; its messages come from then on. */
  follow(id: string): Promise<Followed> {
    return this.ask((request) => ({ t: 'follow', request, id }));
  }

  /** The program of a widget's module, from the kernel's environment; null where it has none. */
  module(name: string): Promise<string | null> {
    return this.ask((request) => ({ t: 'module', request, name }));
  }

  /** Sends a message; resolves once the kernel has dealt with it. */
  send(
    type: 'comm_open' | 'comm_msg' | 'comm_close',
    content: CommMessage['content'],
    metadata: Readonly<Record<string, unknown>> = {},
    buffers: readonly Bytes[] = [],
  ): Promise<void> {
    const id = randomId();
    return new Promise((resolve, reject) => {
      this.sent.set(id, { resolve, reject });
      this.post({ t: 'comm', message: { id, type, content, metadata, buffers: buffers.map(copy) } });
    });
  }

  /** Hears every message. */
  onAny(listener: CommHandler): void {
    this.listeners.add(listener);
  }

  private ask<T>(make: (request: number) => CommFrameMessage): Promise<T> {
    const request = ++this.requests;
    return new Promise((resolve) => {
      this.answers.set(request, resolve as (value: never) => void);
      this.post(make(request));
    });
  }

  private answer(request: number, value: unknown): void {
    this.answers.get(request)?.(value as never);
    this.answers.delete(request);
  }
}
