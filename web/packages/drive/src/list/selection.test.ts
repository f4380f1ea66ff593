import { expect, test } from 'vitest';
import { choose, nothing, typeAhead, within } from './selection';

const ids = ['a', 'b', 'c', 'd'];

test('a range goes from where it began, in both directions', () => {
  const start = choose(nothing, ids, 2, 'only');
  const down = choose(start, ids, 3, 'range');
  expect([...down.chosen]).toEqual(['c', 'd']);
  const up = choose(down, ids, 0, 'range');
  expect([...up.chosen]).toEqual(['a', 'b', 'c']);
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

test('rows that went away are no longer chosen', () => {
  const all = choose(choose(nothing, ids, 0, 'only'), ids, 3, 'range');
  const left = within(all, ['b', 'c']);
  expect([...left.chosen]).toEqual(['b', 'c']);
  expect(left.active).toBe(1);
  expect(within(left, ['b', 'c'])).toBe(left);
});

test('typing finds the next name and goes round', () => {
  const names = ['Alpha', 'beta', 'Apple'];
  expect(typeAhead(names, 0, 'a')).toBe(2);
  expect(typeAhead(names, 2, 'a')).toBe(0);
  expect(typeAhead(names, 0, 'ap')).toBe(2);
  expect(typeAhead(names, 0, 'z')).toBe(-1);
});
