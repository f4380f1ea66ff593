/** What lets an output act: the page that holds the frames decides it, by what it knows of the cell's execution. */
import type { FrameVerb } from './core/protocol';

/** Which output speaks. The page's own word: nothing of it comes from the frame. */
export interface FrameContext {
  fileId: string;
  cellId: string;
  executionId: string | null;
  /** The frame has the origin of own outputs: no program of the document runs there. */
  own?: boolean;
  /** The frame has an opaque origin (mode C). */
  opaque?: boolean;
}

/** A cell's frame, as whoever has something to tell it holds it. */
export interface FrameHandle {
  /** Evaluates a script in the frame, after the outputs before it. Rejects with what it throws. */
  run(script: string, signal?: AbortSignal): Promise<unknown>;
  /** Makes the frame anew, with the rights that it has now; what `run` evaluates there is evaluated again. */
  renew(): void;
}

/** Why something was not done; the frame gets both texts. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'Refusal';
  }
}

export interface LiveHost {
  isLive(context: FrameContext): boolean;
  /**
   * Whether the output is of this person's own running kernel, also while that cannot be asked: its frame comes from
   * an origin that no other output shares. `was`: its frame is there as own; it stays so when the kernel has ended, until
   * another begins.
   */
  isOwn(context: FrameContext, was: boolean): boolean;
  /** Calls `listener` when either may have changed; returns how to stop that. */
  onLive(context: FrameContext, listener: () => void): () => void;
  /** What a live frame asks for. Rejects with a Refusal. */
  ask(
    context: FrameContext,
    verb: FrameVerb,
    args: Readonly<Record<string, unknown>>,
    files: readonly Blob[],
  ): Promise<unknown>;
  /** Cameras and the like that the frames of a live output are made with (`allow` of an iframe). */
  devices(context: FrameContext): readonly string[];
  /** A cell has its frame; returns how it goes. */
  attach(context: FrameContext, handle: FrameHandle): () => void;
}
