/** Changes of many files: some at a time, with progress, a way to stop, and an account of what failed. */
import type { File } from '@labora/api';
import { errorText } from '@labora/ui';

export interface Job {
  id: number;
  title: string;
  done: number;
  total: number;
  stop: () => void;
}

export interface Failure {
  file: File;
  reason: string;
}

export interface Outcome {
  done: File[];
  failed: Failure[];
  stopped: boolean;
}

/** Does some files; answers those that failed. Throws when none of them could be tried. */
export type Work = (files: File[], signal: AbortSignal) => Promise<Failure[]>;

let jobs: readonly Job[] = [];
let count = 0;
const listeners = new Set<() => void>();

function set(next: readonly Job[]): void {
  jobs = next;
  for (const listener of listeners) listener();
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
/** What runs now and takes more than one step. */
export const running = (): readonly Job[] => jobs;

/** Something that tells its progress and can be stopped. */
export async function withProgress<T>(
  title: string,
  total: number,
  work: (signal: AbortSignal, progress: (done: number) => void) => Promise<T>,
): Promise<T> {
  const control = new AbortController();
  count += 1;
  const id = count;
  set([...jobs, { id, title, total, done: 0, stop: () => control.abort() }]);
  try {
    return await work(control.signal, (done) => set(jobs.map((job) => (job.id === id ? { ...job, done } : job))));
  } finally {
    set(jobs.filter((job) => job.id !== id));
  }
}

async function steps(
  files: File[],
  size: number,
  work: Work,
  signal: AbortSignal,
  progress: (done: number) => void,
): Promise<Outcome> {
  const outcome: Outcome = { done: [], failed: [], stopped: false };
  for (let from = 0; from < files.length; from += size) {
    if (signal.aborted) return { ...outcome, stopped: true };
    const some = files.slice(from, from + size);
    let failed: Failure[];
    try {
      failed = await work(some, signal);
    } catch (error) {
      if (signal.aborted) return { ...outcome, stopped: true };
      const reason = errorText(error);
      failed = some.map((file) => ({ file, reason }));
    }
    const bad = new Set(failed.map(({ file }) => file.id));
    outcome.failed.push(...failed);
    outcome.done.push(...some.filter((file) => !bad.has(file.id)));
    progress(Math.min(files.length, from + size));
  }
  return outcome;
}

/**
 * Does all files, `size` at a time. What fits into one step shows no progress, for it is over at once; unless it is
 * `long`, such as a folder with all that is in it.
 */
export function run(title: string, files: File[], size: number, work: Work, long = false): Promise<Outcome> {
  if (files.length <= size && !long) return steps(files, size, work, new AbortController().signal, () => undefined);
  return withProgress(title, files.length, (signal, progress) => steps(files, size, work, signal, progress));
}
