/** Questions that outputs and programs put to the person, one after another, in dialogs of the app's own. */
import { Store } from '@labora/document';

export type Question =
  | { kind: 'device'; devices: readonly string[] }
  | { kind: 'cell'; source: string }
  | { kind: 'view'; runtimeId: string; path: string };

export type Answered = boolean;

export interface Asked {
  id: number;
  question: Question;
  answer(yes: Answered): void;
}

const OPEN_MAXIMUM = 20;

export class Questions {
  readonly open = new Store<readonly Asked[]>([]);
  #ids = 0;

  /** Resolves with the person's answer; false where too many are open already. */
  ask(question: Question): Promise<Answered> {
    if (this.open.get().length >= OPEN_MAXIMUM) return Promise.resolve(false);
    return new Promise((resolve) => {
      const id = ++this.#ids;
      const answer = (yes: Answered) => {
        this.open.set(this.open.get().filter((asked) => asked.id !== id));
        resolve(yes);
      };
      this.open.set([...this.open.get(), { id, question, answer }]);
    });
  }

  /** Shows something that wants no answer. */
  tell(question: Question): void {
    void this.ask(question);
  }
}
