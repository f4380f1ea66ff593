import { expect, test } from 'vitest';
import { formatBytes, formatDuration, formatWhen } from './format';
import { addMessages } from './i18n';

addMessages('ui', { yesterday: 'Yesterday', justNow: 'Just now' });

test('sizes have decimal units and never four digits', () => {
  expect(formatBytes(0)).toBe('0 B');
  expect(formatBytes(999)).toBe('999 B');
  expect(formatBytes(1_000)).toBe('1 kB');
  expect(formatBytes(1_234)).toBe('1.2 kB');
  expect(formatBytes(999_600)).toBe('1 MB');
  expect(formatBytes(12_345_678)).toBe('12 MB');
});

test('durations grow coarser', () => {
  expect(formatDuration(0)).toBe('1 ms');
  expect(formatDuration(0.0421)).toBe('42 ms');
  expect(formatDuration(0.42)).toBe('0.4 s');
  expect(formatDuration(59.6)).toBe('1 min 00 s');
  expect(formatDuration(185)).toBe('3 min 05 s');
  expect(formatDuration(7440)).toBe('2 h 04 min');
});

test('times are told as people say them', () => {
  const now = new Date('2026-05-10T15:00:00');
  expect(formatWhen('2026-05-10T14:59:30', now)).toBe('Just now');
  expect(formatWhen('2026-05-10T09:05:00', now)).toBe('9:05 AM');
  expect(formatWhen('2026-05-09T23:00:00', now)).toBe('Yesterday');
  expect(formatWhen('2026-01-02T10:00:00', now)).toBe('Jan 2');
  expect(formatWhen('2024-01-02T10:00:00', now)).toBe('Jan 2, 2024');
  expect(formatWhen(null, now)).toBe('');
});
