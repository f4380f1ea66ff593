import { expect, test } from 'vitest';
import { filtersOf, growing, queryFor, withFilter } from './question';

test('the last word may go on, unless it is quoted or marked', () => {
  expect(growing('random matplo')).toBe('random matplo*');
  expect(growing('"random forest"')).toBe('"random forest"');
  expect(growing('"random for')).toBe('"random for');
  expect(growing('机器学习')).toBe('机器学习*');
  expect(growing('plt.')).toBe('plt.');
});

test('filters live in the address, and what is unknown there is no filter', () => {
  expect(filtersOf('?q=x&type=notebook&when=week&owner=god')).toEqual({
    type: 'notebook',
    owner: '',
    when: 'week',
    in: '',
  });
  expect(withFilter('?q=a+b&type=notebook', 'type', '')).toBe('/?q=a+b');
  expect(withFilter('?q=a+b', 'in', 'code')).toBe('/?q=a+b&in=code');
});

test('the server is asked for what the filters say', () => {
  const now = new Date('2026-02-08T12:00:00Z');
  expect(queryFor(' churn ', filtersOf('?type=file&owner=me&when=week&in=text'), now)).toEqual({
    text: 'churn*',
    kind: 'file',
    owner: 'me',
    where: 'text',
    modifiedFrom: '2026-02-01T12:00:00.000Z',
  });
});
