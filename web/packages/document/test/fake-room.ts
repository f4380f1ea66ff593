/** A room as the protocol tells it, in memory: for tests of the client's side of the socket. */
import * as Y from 'yjs';
import { emptyState } from '../src/events';
import type { SocketLike } from '../src/socket';
import type { RoomState } from '../src/types';
import { jsonFrame, Lane, readJson, syncFrame } from '../src/wire';

type Command = { type: string; id: string } & Record<string, unknown>;

export class FakeRoom {
  ydoc = new Y.Doc();
  epoch = 'epoch-1';
  seq = 0;
  state: RoomState = emptyState();
  abilities = ['read', 'edit'];
  /** Whether updates are called durable at once. */
  acknowledges = true;
  refuseNext: { code: string; message: string } | null = null;
  /** Every command by id, as often as it arrived. */
  readonly commands: Command[] = [];
  readonly sockets = new Set<FakeSocket>();
  /** Frames wait here until `deliver`, when `held` is set. */
  held = false;

  readonly connect = (): FakeSocket => {
    const socket = new FakeSocket(this);
    this.sockets.add(socket);
    queueMicrotask(() => socket.open());
    return socket;
  };

  /** Breaks every connection. */
  cut(code = 1006): void {
    for (const socket of Array.from(this.sockets)) socket.end(code);
  }

  deliver(): void {
    this.held = false;
    for (const socket of this.sockets) socket.flush();
  }

  event(event: unknown): void {
    this.seq++;
    for (const socket of this.sockets) socket.push(jsonFrame(Lane.events, { seq: this.seq, events: [event] }));
  }

  received(socket: FakeSocket, frame: Uint8Array): void {
    if (frame[0] === Lane.control) this.#control(socket, readJson(frame) as Command);
    else if (frame[0] === Lane.document) this.#document(socket, frame);
  }

  #control(socket: FakeSocket, message: Command): void {
    if (message.type !== 'hello') {
      this.commands.push(message);
      socket.push(jsonFrame(Lane.control, { type: 'ack', id: message.id, result: {} }));
      return;
    }
    const file = { id: 'f', name: 'n.ipynb', abilities: this.abilities };
    const account = { id: 'ada', name: 'Ada', color: 0 };
    const { epoch, seq, state } = this;
    const welcome = { type: 'welcome', version: 1, epoch, seq, file, account, state, read_only_reason: null };
    socket.push(jsonFrame(Lane.control, welcome));
  }

  #document(socket: FakeSocket, frame: Uint8Array): void {
    if (frame[1] === 0) {
      socket.push(syncFrame(1, Y.encodeStateAsUpdate(this.ydoc, frame.subarray(2))));
      socket.push(syncFrame(0, Y.encodeStateVector(this.ydoc)));
      return;
    }
    const ref = new DataView(frame.buffer, frame.byteOffset).getUint32(2);
    const update = frame.slice(6);
    if (this.refuseNext) {
      socket.push(jsonFrame(Lane.control, { type: 'update_refused', ref, ...this.refuseNext }));
      this.refuseNext = null;
      return;
    }
    Y.applyUpdate(this.ydoc, update);
    this.seq++;
    const out = new Uint8Array(update.length + 10);
    out.set([Lane.document, 2]);
    new DataView(out.buffer).setBigUint64(2, BigInt(this.seq));
    out.set(update, 10);
    for (const other of this.sockets) if (other !== socket) other.push(out);
    if (this.acknowledges) {
      socket.push(jsonFrame(Lane.control, { type: 'saved', ref, epoch: this.epoch, seq: this.seq }));
    }
  }
}

export class FakeSocket implements SocketLike {
  binaryType = '';
  onopen: SocketLike['onopen'] = null;
  onmessage: SocketLike['onmessage'] = null;
  onclose: SocketLike['onclose'] = null;
  readonly #room: FakeRoom;
  #waiting: Uint8Array[] = [];
  #ended = false;

  constructor(room: FakeRoom) {
    this.#room = room;
  }

  open(): void {
    if (!this.#ended) this.onopen?.({} as never);
  }

  send(data: Uint8Array): void {
    if (!this.#ended) this.#room.received(this, data.slice());
  }

  close(): void {
    this.#ended = true;
    this.#room.sockets.delete(this);
  }

  end(code: number): void {
    this.close();
    this.onclose?.({ code } as never);
  }

  /** Sends to the client: at once, or when the room lets its frames go. */
  push(frame: Uint8Array): void {
    this.#waiting.push(frame);
    if (!this.#room.held) this.flush();
  }

  flush(): void {
    for (const frame of this.#waiting.splice(0)) {
      if (!this.#ended) this.onmessage?.({ data: frame.slice().buffer } as never);
    }
  }
}
