/** Who is in which cell, told per cell so that a moving cursor draws nothing but its own cell. */
import { Emitter, type PresentClient, type RoomClient } from '@labora/document';

const nobody: readonly PresentClient[] = [];

export class People {
  readonly #emitter = new Emitter();
  #byCell = new Map<string, PresentClient[]>();
  #everybody: readonly PresentClient[] = nobody;

  constructor(client: RoomClient) {
    client.presence.others.subscribe(() => this.#update([...client.presence.others.get().values()]));
  }

  readonly onCell = (id: string, listener: () => void): (() => void) => this.#emitter.on(id, listener);
  readonly onPeople = (listener: () => void): (() => void) => this.#emitter.on('', listener);

  inCell = (id: string): readonly PresentClient[] => this.#byCell.get(id) ?? nobody;

  /** One entry for each account. */
  everybody = (): readonly PresentClient[] => this.#everybody;

  #update(clients: readonly PresentClient[]): void {
    const before = this.#byCell;
    this.#byCell = new Map();
    for (const client of clients) {
      const cell = client.state?.cell_id;
      if (!cell) continue;
      const list = this.#byCell.get(cell);
      if (list) list.push(client);
      else this.#byCell.set(cell, [client]);
    }
    for (const id of new Set([...before.keys(), ...this.#byCell.keys()])) {
      const [old, now] = [before.get(id) ?? nobody, this.#byCell.get(id) ?? nobody];
      if (old.length === now.length && old.every((client, at) => client === now[at]))
        this.#byCell.set(id, old as PresentClient[]);
      else this.#emitter.emit(id);
      if (now.length === 0) this.#byCell.delete(id);
    }
    const accounts = [...new Map(clients.map((client) => [client.account.id, client])).values()];
    const same =
      accounts.length === this.#everybody.length &&
      accounts.every((client, at) => client.account.id === this.#everybody[at]?.account.id);
    if (same) return;
    this.#everybody = accounts;
    this.#emitter.emit('');
  }
}
