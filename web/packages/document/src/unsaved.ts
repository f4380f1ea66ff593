/** Local updates that the server has not yet called durable, in order, and which of them are on their way. */
import * as Y from 'yjs';

export interface UnsavedUpdate {
  ref: number;
  update: Uint8Array;
}

interface Entry extends UnsavedUpdate {
  sent: boolean;
}

/** So many frames may wait for their acknowledgement; what is typed meanwhile goes out as one. */
const IN_FLIGHT = 4;

export class UnsavedUpdates {
  #entries: Entry[] = [];
  readonly #inFlight = new Set<number>();
  #ref = 0;

  get size(): number {
    return this.#entries.length;
  }

  get all(): readonly UnsavedUpdate[] {
    return this.#entries;
  }

  add(update: Uint8Array): UnsavedUpdate {
    const entry = { ref: ++this.#ref, update, sent: false };
    this.#entries.push(entry);
    return entry;
  }

  /** The next frame to send, or null. `force` does not wait for earlier ones. */
  take(force = false): UnsavedUpdate | null {
    if (!force && this.#inFlight.size >= IN_FLIGHT) return null;
    const unsent = this.#entries.filter((entry) => !entry.sent);
    const last = unsent.at(-1);
    if (!last) return null;
    for (const entry of unsent) entry.sent = true;
    this.#inFlight.add(last.ref);
    const updates = unsent.map((entry) => entry.update);
    return { ref: last.ref, update: Y.mergeUpdates(updates) };
  }

  /** Everything up to `ref` is durable. */
  saved(ref: number): void {
    this.#entries = this.#entries.filter((entry) => entry.ref > ref);
    for (const flying of Array.from(this.#inFlight)) if (flying <= ref) this.#inFlight.delete(flying);
  }

  /** Nothing is on its way any more: all of it is sent again. */
  disconnected(): void {
    this.#inFlight.clear();
    for (const entry of this.#entries) entry.sent = false;
  }

  clear(): void {
    this.#entries = [];
    this.#inFlight.clear();
  }
}
