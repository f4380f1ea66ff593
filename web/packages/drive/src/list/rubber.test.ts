import { expect, test } from 'vitest';
import { touchedBy } from './rubber';

test('a rectangle touches whole lines of a list', () => {
  const list = { columns: 1, cellWidth: 800, cellHeight: 48, total: 5 };
  expect(touchedBy({ left: 500, top: 40, width: 10, height: 60 }, list)).toEqual([0, 1, 2]);
  expect(touchedBy({ left: 500, top: 230, width: 10, height: 600 }, list)).toEqual([4]);
});

test('a rectangle touches the cards that it crosses', () => {
  const grid = { columns: 4, cellWidth: 200, cellHeight: 160, total: 10 };
  expect(touchedBy({ left: 250, top: 100, width: 200, height: 100 }, grid)).toEqual([1, 2, 5, 6]);
  expect(touchedBy({ left: 700, top: 300, width: 200, height: 300 }, grid)).toEqual([7]);
});
