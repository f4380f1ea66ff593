/** What the account's runtime uses, with the last few minutes of it for a line in the page. */
import { type Meter, type RoomClient, Store } from '@labora/document';

const KEPT = 100;

export interface Sample {
  at: number;
  memory: number | null;
}

export interface UsageNow {
  runtimeId: string;
  meter: Meter;
  samples: readonly Sample[];
}

export class Usage {
  readonly now = new Store<UsageNow | null>(null);

  constructor(client: RoomClient) {
    client.meter.subscribe(() => {
      const told = client.meter.get();
      if (told) this.#take(told.runtimeId, told.meter);
    });
  }

  #take(runtimeId: string, meter: Meter): void {
    const before = this.now.get();
    const kept = before?.runtimeId === runtimeId ? before.samples : [];
    const sample = { at: Date.parse(meter.at), memory: meter.memory_bytes };
    this.now.set({ runtimeId, meter, samples: [...kept, sample].slice(-KEPT) });
  }
}
