/** The frame's end of what passes beside outputs: questions to the page, scripts from it, and whether it may act. */
import { type FrameMessage, type FrameVerb, type PageMessage } from '@labora/outputs/core/protocol';
import { enqueue, evaluate } from './scripts';

export type Post = (message: FrameMessage, transfer?: Transferable[]) => void;

/** A refusal of the page, with its code. */
export class RefusedError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'RefusedError';
  }
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class Bridge {
  private readonly waiting = new Map<number, Waiting>();
  private readonly liveListeners = new Set<(on: boolean) => void>();
  private requests = 0;
  private on: boolean;

  constructor(
    private readonly post: Post,
    live: boolean,
  ) {
    this.on = live;
  }

  /** Whether the output may act. The page decides each time anew; this is for the program to know. */
  get live(): boolean {
    return this.on;
  }

  /** Calls `listener` when `live` changes; returns how to stop that. */
  onLive(listener: (on: boolean) => void): () => void {
    this.liveListeners.add(listener);
    return () => this.liveListeners.delete(listener);
  }

  /** Asks the page for something. Rejects with RefusedError. */
  ask(verb: FrameVerb, args: Readonly<Record<string, unknown>> = {}, files: readonly Blob[] = []): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const request = ++this.requests;
      this.waiting.set(request, { resolve, reject });
      try {
        this.post({ t: 'ask', request, verb, args, files });
      } catch (error) {
        // A function or the like among the arguments: it cannot leave the frame.
        this.waiting.delete(request);
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  /** Puts a program's output in full height, or back. */
  setTall(on: boolean): void {
    this.post({ t: 'tall', on });
  }

  receive(message: PageMessage): void {
    if (message.t === 'live') {
      this.on = message.on;
      for (const listener of Array.from(this.liveListeners)) listener(message.on);
    } else if (message.t === 'answer') this.answered(message);
    else if (message.t === 'do') void this.run(message.request, message.script);
  }

  private answered(message: PageMessage & { t: 'answer' }): void {
    const waiting = this.waiting.get(message.request);
    this.waiting.delete(message.request);
    if (message.ok) waiting?.resolve(message.value);
    else waiting?.reject(new RefusedError(message.code, message.message));
  }

  /** Runs after the outputs before it; what comes after it does not wait for its promise. */
  private async run(request: number, script: string): Promise<void> {
    let result: Promise<unknown> | undefined;
    await enqueue(() => {
      result = evaluate(script);
      result.catch(() => {});
      return Promise.resolve();
    });
    try {
      const value = json(await result);
      this.post({ t: 'done', request, ok: true, value });
    } catch (error) {
      this.post({ t: 'done', request, ok: false, message: describe(error) });
    }
  }
}

/** What Python gets of a value: its JSON, or nothing where it has none (a node, a function). */
function json(value: unknown): unknown {
  try {
    const text = JSON.stringify(value);
    return text === undefined ? null : (JSON.parse(text) as unknown);
  } catch {
    return null;
  }
}

function describe(error: unknown): string {
  if (error instanceof Error) return `${error.name}: ${error.message}`;
  return typeof error === 'string' ? error : JSON.stringify(error) || String(error);
}
