/** Pages of a long list, of which any may be missing; pure. */
import type { File } from '@labora/api';

export const PAGE = 200;

interface Page {
  files: File[];
  /** Asks for what comes behind: a token, null at the end, undefined where it is not known. */
  next: string | null | undefined;
}

/** Page `n` holds the items from `n * PAGE` on. */
export type Pages = Map<number, Page>;

/** Puts the items from `start` on, the first of a page; answers the same map. */
export function place(pages: Pages, start: number, files: File[], next: string | null | undefined): Pages {
  return pages.set(start / PAGE, { files, next });
}
/** Where the page of an item begins. */
place.start = (index: number): number => Math.floor(index / PAGE) * PAGE;

export function fileAt(pages: Pages, index: number): File | undefined {
  return pages.get(Math.floor(index / PAGE))?.files[index % PAGE];
}

const inOrder = (pages: Pages): [number, Page][] => [...pages].toSorted(([a], [b]) => a - b);

/** All items that are here, in order, each once. */
export function loaded(pages: Pages): File[] {
  if (pages.size === 1) return pages.get(0)?.files ?? [];
  const found = new Map<string, File>();
  for (const [, { files }] of inOrder(pages)) for (const file of files) found.set(file.id, file);
  return [...found.values()];
}

/** The items from `from` up to `to` that are here. */
export function collect(pages: Pages, from: number, to: number): File[] {
  const found = new Map<string, File>();
  for (let index = from; index < to; index += 1) {
    const file = fileAt(pages, index);
    if (file) found.set(file.id, file);
  }
  return [...found.values()];
}

/** The pages of `first`, and those of `more` that it does not have. */
export const keep = (first: Pages, more: Pages): Pages => new Map([...more, ...first]);

export function put(pages: Pages, file: File): Pages {
  const next = new Map(pages);
  for (const [number, page] of pages)
    if (page.files.some((one) => one.id === file.id))
      next.set(number, { ...page, files: page.files.map((one) => (one.id === file.id ? file : one)) });
  return next;
}

/** Takes items out; the pages behind the first gap are asked for anew. Answers also how many items left. */
export function drop(pages: Pages, ids: ReadonlySet<string>): [Pages, number] {
  const next: Pages = new Map();
  let count = 0;
  for (const [number, page] of inOrder(pages)) {
    const files = page.files.filter((file) => !ids.has(file.id));
    if (count === 0) next.set(number, files.length === page.files.length ? page : { ...page, files });
    count += page.files.length - files.length;
  }
  return [next, count];
}
