import { expect, test } from 'vitest';
import type { CellDiff, DiffLine, Revision } from '@labora/api';
import { counts, foldCells, foldLines } from './folding';
import { byDay, peopleOf } from './grouping';

const ann = { id: 'a', name: 'Ann', color: 1 };
const bob = { id: 'b', name: 'Bob', color: 2 };

function revision(number: number, at: Date, more: Partial<Revision> = {}): Revision {
  const base = { id: `r${number}`, number, size: 1, kind: 'autosave', name: null, pinned: false, author: ann };
  return { ...base, contributors: [ann], created_at: at.toISOString(), ...more };
}

const at = (hour: number, minute = 0, day = 10): Date => new Date(2026, 5, day, hour, minute);

test('revisions come by local day; automatic saves within an hour are one entry', () => {
  const days = byDay([
    revision(6, at(9, 30)),
    revision(5, at(9, 10), { contributors: [bob] }),
    revision(4, at(9, 5), { name: 'Named' }),
    revision(3, at(9, 0)),
    revision(2, at(7, 0)),
    revision(1, at(23, 59, 9), { kind: 'upload' }),
  ]);
  expect(days.map((day) => [day.date, day.entries.map((one) => [one.revision.number, one.hidden.length])])).toEqual([
    [
      '2026-06-10',
      [
        [6, 1],
        [4, 0],
        [3, 0],
        [2, 0],
      ],
    ],
    ['2026-06-09', [[1, 0]]],
  ]);
  const first = days[0]?.entries[0];
  expect(first && peopleOf(first).map((person) => person.name)).toEqual(['Ann', 'Bob']);
});

const line = (kind: DiffLine['kind'], text = 'x'): DiffLine => ({ kind, pieces: [{ text, changed: false }] });

test('unchanged lines away from a change are folded, unless that saves nothing', () => {
  const lines = [...Array<DiffLine>(10).fill(line('same')), line('added'), ...Array<DiffLine>(4).fill(line('same'))];
  expect(foldLines(lines).map((run) => [run.folded, run.items.length])).toEqual([
    [true, 7],
    [false, 7],
    [false, 1],
  ]);
  expect(foldLines(lines).flatMap((run) => run.items)).toEqual(lines);
});

function cell(status: CellDiff['status'], more: Partial<CellDiff> = {}): CellDiff {
  return { status, moved: false, parts: [], before: null, after: null, lines: [], metadata: [], ...more };
}

test('cells that only ran again are folded with those that are the same', () => {
  const cells = [
    cell('same'),
    cell('changed', { parts: ['execution_count'] }),
    cell('changed', { parts: ['outputs', 'execution_count'] }),
    cell('same', { moved: true }),
    cell('removed'),
  ];
  expect(foldCells(cells).map((run) => [run.folded, run.items.length])).toEqual([
    [true, 2],
    [false, 3],
  ]);
  expect(counts(cells)).toEqual([
    { key: 'changed', count: 1 },
    { key: 'removed', count: 1 },
    { key: 'moved', count: 1 },
  ]);
});
