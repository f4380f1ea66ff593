/** What of a difference shows at first: changes with a little around them. */
import type { CellDiff, DiffLine } from '@labora/api';

const CONTEXT = 3;

export interface Fold<Item> {
  folded: boolean;
  items: Item[];
  /** Index of the first item. */
  start: number;
}

/** Cuts items into runs that show and runs that are folded; folds of fewer than `least` items show too. */
function fold<Item>(items: readonly Item[], shows: (index: number) => boolean, least: number): Fold<Item>[] {
  const runs: Fold<Item>[] = [];
  items.forEach((item, index) => {
    const folded = !shows(index);
    const last = runs.at(-1);
    if (last?.folded === folded) last.items.push(item);
    else runs.push({ folded, items: [item], start: index });
  });
  for (const run of runs) run.folded &&= run.items.length >= least;
  return runs;
}

/** Lines of a source; up to three unchanged ones stay on either side of a change. */
export function foldLines(lines: readonly DiffLine[], context = CONTEXT): Fold<DiffLine>[] {
  const near = new Set<number>();
  // Without any change the beginning shows, so that one knows the cell.
  if (lines.every((line) => line.kind === 'same')) for (let at = 0; at <= context; at += 1) near.add(at);
  lines.forEach((line, index) => {
    if (line.kind === 'same') return;
    for (let at = index - context; at <= index + context; at += 1) near.add(at);
  });
  return fold(lines, (index) => near.has(index), 2);
}

/** A cell that only ran again, with the same output, is as good as unchanged. */
export const isQuiet = (cell: CellDiff): boolean =>
  !cell.moved && cell.parts.every((part) => part === 'execution_count') && /^(same|changed)$/.test(cell.status);

export const foldCells = (cells: readonly CellDiff[]): Fold<CellDiff>[] =>
  fold(cells, (index) => cells[index] !== undefined && !isQuiet(cells[index]), 1);

/** How many cells are changed, added, removed and moved. */
export function counts(
  cells: readonly CellDiff[],
): { key: 'changed' | 'added' | 'removed' | 'moved'; count: number }[] {
  const of = (test: (cell: CellDiff) => boolean) => cells.filter(test).length;
  return [
    { key: 'changed' as const, count: of((cell) => cell.status === 'changed' && !isQuiet(cell)) },
    { key: 'added' as const, count: of((cell) => cell.status === 'added') },
    { key: 'removed' as const, count: of((cell) => cell.status === 'removed') },
    { key: 'moved' as const, count: of((cell) => cell.moved) },
  ].filter(({ count }) => count > 0);
}
