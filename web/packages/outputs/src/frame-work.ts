/** What is under way between the page and one frame: scripts that the page has evaluated, and what the frame asks for. */
import { type FrameMessage, type PageMessage, RateLimit } from './core/protocol';
import { Refusal } from './live';

const ASKS_PER_S = 100;
const ASKS_BURST = 300;
const ASKS_OPEN = 200;

interface Script {
  request: number;
  script: string;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export type AskMessage = FrameMessage & { t: 'ask' };

export class FrameWork {
  private readonly scripts = new Map<number, Script>();
  private readonly limit = new RateLimit(ASKS_PER_S, ASKS_BURST);
  private requests = 0;
  private asks = 0;
  private post: ((message: PageMessage) => void) | null = null;

  constructor(
    private readonly answer: (ask: AskMessage) => Promise<unknown>,
    /** Told when it begins or ends to have something under way. */
    private readonly changed: () => void,
  ) {}

  /** Something is under way: the frame must not sleep. */
  get busy(): boolean {
    return this.scripts.size > 0 || this.asks > 0;
  }

  /** A frame has started: what was not done in the one before it is done there. */
  started(post: (message: PageMessage) => void): void {
    this.post = post;
    for (const { request, script } of this.scripts.values()) post({ t: 'do', request, script });
  }

  /** The frame is gone. */
  stopped(): void {
    this.post = null;
  }

  run(script: string, signal?: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const request = ++this.requests;
      this.scripts.set(request, { request, script, resolve, reject });
      this.post?.({ t: 'do', request, script });
      signal?.addEventListener('abort', () => this.drop(request, 'Nobody waits for it any more.'));
      this.changed();
    });
  }

  /** Ends what is under way: the place of the frame goes, or there is no frame to do it. */
  end(code: string, reason: string): void {
    for (const request of Array.from(this.scripts.keys())) this.drop(request, reason, code);
  }

  done(message: FrameMessage & { t: 'done' }): void {
    const script = this.scripts.get(message.request);
    this.scripts.delete(message.request);
    if (message.ok) script?.resolve(message.value);
    else script?.reject(new Error(message.message));
    this.changed();
  }

  /** Answers what the frame asks for, within bounds. */
  async ask(message: AskMessage): Promise<void> {
    const { post } = this;
    const tell = (code: string, text: string) =>
      post?.({ t: 'answer', request: message.request, ok: false, code, message: text });
    if (!this.limit.take() || this.asks >= ASKS_OPEN) return tell('too_many', 'The output asks for too much at once.');
    this.asks += 1;
    this.changed();
    try {
      const value = await this.answer(message);
      post?.({ t: 'answer', request: message.request, ok: true, value: value ?? null });
    } catch (error) {
      const known = error instanceof Refusal || (error instanceof Error && 'code' in error);
      tell(known ? String((error as Refusal).code) : 'failed', error instanceof Error ? error.message : String(error));
    } finally {
      this.asks -= 1;
      this.changed();
    }
  }

  private drop(request: number, reason: string, code = 'gone'): void {
    const script = this.scripts.get(request);
    this.scripts.delete(request);
    script?.reject(new Refusal(code, reason));
    this.changed();
  }
}
