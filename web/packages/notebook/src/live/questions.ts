/** Questions that outputs and programs put to the person, one after another, in dialogs of the app's own. */
import { Store } from '@labora/document';

export type Question =
  | { kind: 'device'; devices: readonly string[] }
  | { kind: 'cell'; cell: 'code' | 'markdown'; source: string }
  | { kind: 'view'; runtimeId: string; path: string }
  | { kind: 'disconnect' };

export type Answered = boolean;

export interface Asked {
  id: number;
  /** Of the output that asks. */
  cellId: string;
  question: Question;
  answer(yes: Answered): void;
}

const OPEN_MAXIMUM = 20;
/** How long a cell may not ask again after a no, or a closed dialog: nobody can be kept from leaving its questions. */
const QUIET_MS = 5_000;

export class Questions {
  readonly open = new Store<readonly Asked[]>([]);
  readonly #dismissed = new Map<string, number>();
  readonly #now: () => number;
  #ids = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether a cell may ask: it has no question open, and was not turned away just now. */
  mayAsk(cellId: string): boolean {
    const open = this.open.get();
    if (open.length >= OPEN_MAXIMUM || open.some((asked) => asked.cellId === cellId)) return false;
    const dismissed = this.#dismissed.get(cellId);
    return dismissed === undefined || this.#now() - dismissed >= QUIET_MS;
  }

  /** Resolves with the person's answer; false where the cell may not ask. */
  ask(cellId: string, question: Question): Promise<Answered> {
    if (!this.mayAsk(cellId)) return Promise.resolve(false);
    return new Promise((resolve) => {
      const id = ++this.#ids;
      const answer = (yes: Answered) => {
        if (!yes) this.#dismissed.set(cellId, this.#now());
        this.open.set(this.open.get().filter((asked) => asked.id !== id));
        resolve(yes);
      };
      this.open.set([...this.open.get(), { id, cellId, question, answer }]);
    });
  }
}
