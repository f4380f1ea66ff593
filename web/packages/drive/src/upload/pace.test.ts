import { expect, test } from 'vitest';
import { Pace } from './pace';

test('the speed is that of the last seconds, and unknown after a break', () => {
  const pace = new Pace();
  pace.note(0, 0);
  expect(pace.speed()).toBeNull();
  pace.note(1000, 1000);
  expect(pace.speed()).toBe(1000);
  for (let at = 2; at <= 20; at += 1) pace.note(1000 + 5000 * (at - 1), at * 1000);
  expect(Math.round(pace.speed() ?? 0)).toBe(5000);
  pace.note(50, 21_000);
  expect(pace.speed()).toBeNull();
});
