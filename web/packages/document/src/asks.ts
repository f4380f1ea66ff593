/** What programs ask of this page (docs/protocols.md, section 8, "Asks"): each kind has one handler, each ask one answer. */
import { CommandError } from './commands';

export interface PageAsk {
  ask_id: string;
  execution_id: string;
  cell_id: string;
  kind: string;
  content: Readonly<Record<string, unknown>>;
}

/** Returns the answer's value, or throws a CommandError; `signal` is aborted when nobody waits any more. */
export type AskHandler = (ask: PageAsk, signal: AbortSignal) => Promise<unknown>;

type Answer = { ask_id: string } & ({ ok: true; value: unknown } | { ok: false; code: string; message: string });

const ASKS_MAXIMUM = 100;
const ANSWERS_KEPT = 100;

export class Asks {
  readonly #handlers = new Map<string, AskHandler>();
  readonly #open = new Map<string, AbortController>();
  /** The last answers: what is asked again, because the answer was lost on its way, is not done again. */
  readonly #answered = new Map<string, Answer>();
  readonly #answer: (answer: Answer) => void;

  constructor(answer: (answer: Answer) => void) {
    this.#answer = answer;
  }

  /** Lets `handler` answer a kind; returns how to stop that. */
  handle(kind: string, handler: AskHandler): () => void {
    this.#handlers.set(kind, handler);
    return () => {
      if (this.#handlers.get(kind) === handler) this.#handlers.delete(kind);
    };
  }

  /** Takes an ask of the server, which tells it again after a reconnection. */
  received(ask: PageAsk): void {
    if (this.#open.has(ask.ask_id)) return;
    const before = this.#answered.get(ask.ask_id);
    if (before) return this.#answer(before);
    const handler = this.#handlers.get(ask.kind);
    if (handler === undefined) return this.#refuse(ask, 'unsupported', 'This page cannot do that.');
    if (this.#open.size >= ASKS_MAXIMUM) return this.#refuse(ask, 'too_many', 'Too many questions are open.');
    const controller = new AbortController();
    this.#open.set(ask.ask_id, controller);
    handler(ask, controller.signal)
      .then(
        (value) => this.#tell(ask, controller, { ask_id: ask.ask_id, ok: true, value: value ?? null }),
        (error: unknown) => this.#tell(ask, controller, { ask_id: ask.ask_id, ok: false, ...reason(error) }),
      )
      .finally(() => this.#open.get(ask.ask_id) === controller && this.#open.delete(ask.ask_id));
  }

  /** Nobody waits for the answer. */
  gone(askId: string): void {
    this.#open.get(askId)?.abort();
    this.#open.delete(askId);
  }

  /** The server's word after a connection: nobody waits for any other. */
  only(askIds: readonly string[]): void {
    for (const id of Array.from(this.#open.keys())) if (!askIds.includes(id)) this.gone(id);
  }

  #tell(ask: PageAsk, controller: AbortController, answer: Answer): void {
    if (this.#open.get(ask.ask_id) !== controller || controller.signal.aborted) return;
    this.#answered.set(ask.ask_id, answer);
    const [oldest] = this.#answered.keys();
    if (this.#answered.size > ANSWERS_KEPT && oldest !== undefined) this.#answered.delete(oldest);
    this.#answer(answer);
  }

  #refuse(ask: PageAsk, code: string, message: string): void {
    this.#answer({ ask_id: ask.ask_id, ok: false, code, message });
  }
}

function reason(error: unknown): { code: string; message: string } {
  if (error instanceof CommandError) return { code: error.code, message: error.message };
  return { code: 'failed', message: error instanceof Error ? error.message : String(error) };
}
