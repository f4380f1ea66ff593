import { expect, test } from 'vitest';
import { choose, nothing, rangeTo, stepOf, typeAhead, within } from './selection';

const ids = ['a', 'b', 'c', 'd'];

test('a range goes from where it began, in both directions', () => {
  const start = choose(nothing, ids, 2, 'only');
  const down = choose(start, ids, 3, 'range');
  expect([...down.chosen]).toEqual(['c', 'd']);
  const up = choose(down, ids, 0, 'range');
  expect([...up.chosen]).toEqual(['a', 'b', 'c']);
  expect(rangeTo(down, 4, 0)).toEqual([0, 2]);
});

test('a range over items that are not known yet takes those that are', () => {
  const holes = { length: 5, at: (index: number) => (index === 2 ? undefined : `i${index}`) };
  expect([...choose(choose(nothing, holes, 1, 'only'), holes, 3, 'range').chosen]).toEqual(['i1', 'i3']);
  expect(choose(nothing, holes, 2, 'only').chosen.size).toBe(0);
});

test('a toggle adds, then takes away, and starts a new range', () => {
  const one = choose(choose(nothing, ids, 0, 'only'), ids, 2, 'toggle');
  expect([...one.chosen]).toEqual(['a', 'c']);
  expect([...choose(one, ids, 2, 'toggle').chosen]).toEqual(['a']);
  expect(one.anchor).toBe(2);
});

test('the focus stays inside the list', () => {
  expect(choose(nothing, ids, 99, 'focus').active).toBe(3);
  expect(choose(nothing, ids, -1, 'focus').active).toBe(0);
  expect(choose(nothing, [], 5, 'only').chosen.size).toBe(0);
});

test('items that went away are no longer chosen', () => {
  const all = choose(choose(nothing, ids, 0, 'only'), ids, 3, 'range');
  const left = within(all, ['b', 'c']);
  expect([...left.chosen]).toEqual(['b', 'c']);
  expect(left.active).toBe(1);
  expect(within(left, ['b', 'c'])).toBe(left);
});

test('typing finds the next name and goes round', () => {
  const names = ['Alpha', 'beta', undefined, 'Apple'];
  expect(typeAhead(names, 0, 'a')).toBe(3);
  expect(typeAhead(names, 3, 'a')).toBe(0);
  expect(typeAhead(names, 0, 'ap')).toBe(3);
  expect(typeAhead(names, 0, 'z')).toBe(-1);
});

test('arrows go through a list line by line', () => {
  const at = { active: 1, total: 4, columns: 1, page: 10, fresh: false };
  expect(stepOf('ArrowDown', at)).toBe(2);
  expect(stepOf('ArrowDown', { ...at, fresh: true })).toBe(1);
  expect(stepOf('ArrowRight', at)).toBeNull();
  expect(stepOf('PageDown', at)).toBe(3);
  expect(stepOf('End', at)).toBe(3);
});

test('arrows go through a grid and keep the column', () => {
  const at = { active: 1, total: 7, columns: 3, page: 2, fresh: false };
  expect(stepOf('ArrowDown', at)).toBe(4);
  expect(stepOf('ArrowRight', at)).toBe(2);
  expect(stepOf('ArrowUp', at)).toBe(1);
  // The last line is short: down ends at its last item, and stays there.
  expect(stepOf('ArrowDown', { ...at, active: 5 })).toBe(6);
  expect(stepOf('ArrowDown', { ...at, active: 6 })).toBe(6);
});
