/** Tells all that show files when something changed on the server. */

/** Changes often come one after the other, an upload at a time: they are asked for together. */
const WAIT_MS = 300;
/** While they go on and on, what is shown must not grow old. */
const MOST_MS = 2000;

const leaving = new Set<(gone: ReadonlySet<string>) => void>();
const changed = new Set<() => void>();
let timer: ReturnType<typeof setTimeout> | undefined;
let since: number | null = null;

function tell(): void {
  since = null;
  for (const listener of changed) listener();
}

/** Something changed, and these files left their places: they go at once, the rest is asked for in a moment. */
export function filesChanged(gone: readonly string[] = []): void {
  if (gone.length > 0) for (const listener of leaving) listener(new Set(gone));
  const now = Date.now();
  since ??= now;
  clearTimeout(timer);
  timer = setTimeout(tell, Math.max(0, Math.min(WAIT_MS, since + MOST_MS - now)));
}

/** Calls back at once with files that left their places. */
export function onFilesGone(listener: (gone: ReadonlySet<string>) => void): () => void {
  leaving.add(listener);
  return () => leaving.delete(listener);
}

/** Calls back after something changed, once for many changes. */
export function onFilesChanged(listener: () => void): () => void {
  changed.add(listener);
  return () => changed.delete(listener);
}
