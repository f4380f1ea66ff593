/** A WebSocket that comes back: jittered backoff, and a ping that notices a connection whose other end is gone. */

export interface SocketLike {
  binaryType: string;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export interface SocketHandlers {
  open(): void;
  frame(data: Uint8Array): void;
  /** The connection ended; `retryAt` (milliseconds since the epoch) is null when it will not be tried again. */
  closed(code: number, retryAt: number | null): void;
  /** Asks the other end for any answer. */
  ping(): void;
}

/** After so long without a frame a ping is sent, and after so long without an answer the connection is given up: < 30 s. */
const SILENCE_MS = 18_000;
const ANSWER_MS = 8_000;
/** The same when the browser says that there is no network. */
const DOUBTED_ANSWER_MS = 1_500;
const CHECK_MS = 2_000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 15_000;
const DEAD = 4999;

/** Close codes after which another try cannot help. */
export const FINAL_CODES: ReadonlySet<number> = new Set([4400, 4401, 4403, 4404, 4410]);

export class RoomSocket {
  readonly #url: string;
  readonly #handlers: SocketHandlers;
  readonly #make: (url: string) => SocketLike;
  #socket: SocketLike | null = null;
  #open = false;
  #stopped = true;
  #attempts = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #check: ReturnType<typeof setInterval> | undefined;
  #lastFrame = 0;
  #pingSent: number | null = null;
  #patience = ANSWER_MS;

  constructor(url: string, handlers: SocketHandlers, make: (url: string) => SocketLike) {
    this.#url = url;
    this.#handlers = handlers;
    this.#make = make;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#check = setInterval(() => this.#watch(), CHECK_MS);
    this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    clearInterval(this.#check);
    this.#drop()?.close(1000);
  }

  /** Sends a frame; false when there is no connection. */
  send(frame: Uint8Array<ArrayBuffer>): boolean {
    if (!this.#socket || !this.#open) return false;
    this.#socket.send(frame);
    return true;
  }

  /** The connection has proved itself: the next failure starts with a short wait again. */
  settled(): void {
    this.#attempts = 0;
  }

  /** Gives the connection up and opens a new one. */
  reconnect(code: number): void {
    const socket = this.#drop();
    socket?.close(code >= 4000 && code < 5000 ? code : 1000);
    if (socket) this.#ended(code);
  }

  /** The network may be back, or the page was woken: tries at once, or asks an open connection for a sign of life. */
  wake(): void {
    if (this.#stopped) return;
    if (this.#open) this.#ping();
    else if (!this.#socket) this.#connect();
  }

  /** The network is said to be gone: an open connection has a moment to show otherwise, as one to this machine will. */
  doubt(): void {
    if (this.#stopped || !this.#open) return;
    this.#patience = DOUBTED_ANSWER_MS;
    this.#ping();
  }

  #connect(): void {
    clearTimeout(this.#retry);
    const socket = this.#make(this.#url);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#lastFrame = Date.now();
    socket.onopen = () => {
      this.#open = true;
      this.#lastFrame = Date.now();
      this.#handlers.open();
    };
    socket.onmessage = (event: { data: unknown }) => {
      this.#lastFrame = Date.now();
      this.#pingSent = null;
      this.#patience = ANSWER_MS;
      if (event.data instanceof ArrayBuffer) this.#handlers.frame(new Uint8Array(event.data));
    };
    socket.onclose = (event: { code: number }) => {
      this.#drop();
      this.#ended(event.code);
    };
  }

  #drop(): SocketLike | null {
    const socket = this.#socket;
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    this.#socket = null;
    this.#open = false;
    this.#pingSent = null;
    this.#patience = ANSWER_MS;
    return socket;
  }

  #ended(code: number): void {
    if (this.#stopped) return;
    if (FINAL_CODES.has(code)) {
      this.#stopped = true;
      clearInterval(this.#check);
      this.#handlers.closed(code, null);
      return;
    }
    const ceiling = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#attempts++);
    const wait = ceiling / 2 + (Math.random() * ceiling) / 2;
    this.#retry = setTimeout(() => this.#connect(), wait);
    this.#handlers.closed(code, Date.now() + wait);
  }

  #watch(): void {
    if (!this.#socket) return;
    const now = Date.now();
    if (
      this.#pingSent !== null
        ? now - this.#pingSent > this.#patience
        : !this.#open && now - this.#lastFrame > SILENCE_MS
    ) {
      this.reconnect(DEAD);
    } else if (this.#open && this.#pingSent === null && now - this.#lastFrame > SILENCE_MS) this.#ping();
  }

  #ping(): void {
    if (this.#pingSent !== null) return;
    this.#pingSent = Date.now();
    this.#handlers.ping();
  }
}
