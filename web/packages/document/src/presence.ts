/** Who is here and where their cursors are. Our own place is sent at most 20 times a second. */
import { Store } from './emitter';
import type { PresenceState, PresentClient } from './types';

const INTERVAL_MS = 60;

export class Presence {
  /** Everybody but this tab, by client id. */
  readonly others = new Store<ReadonlyMap<number, PresentClient>>(new Map());
  readonly #send: (state: PresenceState) => boolean;
  #own: PresenceState = { cell_id: null, anchor: null, head: null, idle: false };
  #sent = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  #self = 0;

  constructor(send: (state: PresenceState) => boolean) {
    this.#send = send;
  }

  update(state: Partial<PresenceState>): void {
    this.#own = { ...this.#own, ...state };
    this.#timer ??= setTimeout(() => this.#flush(), INTERVAL_MS);
  }

  /** The room is there again: it knows nobody's place. */
  ready(self: number): void {
    this.#self = self;
    this.#sent = '';
    this.others.set(new Map([...this.others.get()].filter(([id]) => id !== self)));
    this.#flush();
  }

  disconnected(): void {
    this.others.set(new Map());
  }

  received(clients: readonly PresentClient[]): void {
    const others = new Map(this.others.get());
    for (const client of clients) {
      if (client.client_id === this.#self) continue;
      if (client.state) others.set(client.client_id, client);
      else others.delete(client.client_id);
    }
    this.others.set(others);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = JSON.stringify(this.#own);
    if (text !== this.#sent && this.#send(this.#own)) this.#sent = text;
  }
}
