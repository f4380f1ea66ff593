/** Commands to the room: each has an id that is kept over retries, and gets one answer. */
import { randomId } from '@labora/api';

/** A typed refusal of the server, or of a command that does not wait for the connection. */
export class CommandError extends Error {
  readonly code: string;
  readonly details: Record<string, unknown>;

  constructor(code: string, message: string, details: Record<string, unknown> = {}) {
    super(message);
    this.name = 'CommandError';
    this.code = code;
    this.details = details;
  }
}

export interface CommandOptions {
  /** False: fails at once while there is no connection, for what is of no use later (completion). */
  keep?: boolean;
}

interface Pending {
  body: Record<string, unknown> & { id: string };
  keep: boolean;
  sent: boolean;
  resolve(result: unknown): void;
  reject(error: Error): void;
}

const offline = () => new CommandError('offline', 'There is no connection to the server.');

export class Commands {
  readonly #pending = new Map<string, Pending>();
  readonly #send: (body: unknown) => boolean;
  #ready = false;

  /** `send` takes a message for the control lane and says whether it went out. */
  constructor(send: (body: unknown) => boolean) {
    this.#send = send;
  }

  get waiting(): number {
    return this.#pending.size;
  }

  request(type: string, args: Record<string, unknown>, { keep = true }: CommandOptions = {}): Promise<unknown> {
    if (!keep && !this.#ready) return Promise.reject(offline());
    return new Promise((resolve, reject) => {
      const body = { ...args, type, id: randomId() };
      const pending: Pending = { body, keep, sent: false, resolve, reject };
      this.#pending.set(body.id, pending);
      if (this.#ready) pending.sent = this.#send(body);
    });
  }

  /** The room takes commands: everything without an answer is sent, again with its own id, in the order it was given. */
  ready(): void {
    this.#ready = true;
    for (const pending of this.#pending.values()) if (!pending.sent) pending.sent = this.#send(pending.body);
  }

  disconnected(): void {
    this.#ready = false;
    for (const [id, pending] of Array.from(this.#pending)) {
      pending.sent = false;
      if (pending.keep) continue;
      this.#pending.delete(id);
      pending.reject(offline());
    }
  }

  answered(id: string, result: unknown): void {
    this.#take(id)?.resolve(result);
  }

  refused(id: string, code: string, message: string, details?: Record<string, unknown>): void {
    this.#take(id)?.reject(new CommandError(code, message, details));
  }

  /** Ends every command: the room will not come back. */
  abandon(code: string, message: string): void {
    this.#ready = false;
    for (const id of Array.from(this.#pending.keys())) this.refused(id, code, message);
  }

  #take(id: string): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }
}
