import { expect, test } from 'vitest';
import type { File } from '@labora/api';
import { PAGE, type Pages, collect, drop, fileAt, keep, loaded, place, put } from './pages';

const file = (number: number): File => ({ id: `f${number}`, name: `file ${number}` }) as File;
const page = (from: number, count = PAGE): File[] => Array.from({ length: count }, (_, at) => file(from + at));

function sparse(): Pages {
  const pages: Pages = place(new Map(), 0, page(0), 'behind 0');
  return place(pages, 5 * PAGE, page(5 * PAGE, 10), null);
}

test('an item is found where it lies, and nothing where no page is', () => {
  const pages = sparse();
  expect(fileAt(pages, 7)?.id).toBe('f7');
  expect(fileAt(pages, 5 * PAGE + 9)?.id).toBe(`f${5 * PAGE + 9}`);
  expect(fileAt(pages, PAGE)).toBeUndefined();
  expect(fileAt(pages, 5 * PAGE + 10)).toBeUndefined();
  expect(loaded(pages)).toHaveLength(PAGE + 10);
  expect(collect(pages, PAGE - 1, 5 * PAGE + 1).map((one) => one.id)).toEqual([`f${PAGE - 1}`, `f${5 * PAGE}`]);
  expect(place.start(PAGE + 3)).toBe(PAGE);
});

test('an item that moved between two questions is there once', () => {
  const pages: Pages = place(new Map(), 0, page(0), 'x');
  place(pages, PAGE, [file(PAGE - 1), ...page(PAGE, 3)], null);
  expect(loaded(pages)).toHaveLength(PAGE + 3);
});

test('what left takes the pages behind it along: their items have other places now', () => {
  const [left, count] = drop(sparse(), new Set(['f1', 'f2', `f${5 * PAGE}`]));
  expect(count).toBe(3);
  expect([...left.keys()]).toEqual([0]);
  expect(fileAt(left, 1)?.id).toBe('f3');
  expect(drop(sparse(), new Set(['gone']))[0].size).toBe(2);
});

test('a changed item shows in place, and newer pages win over older ones', () => {
  const changed = put(sparse(), { ...file(3), name: 'other' });
  expect(fileAt(changed, 3)?.name).toBe('other');
  expect(fileAt(keep(changed, sparse()), 3)?.name).toBe('other');
  expect(keep(new Map(), sparse()).size).toBe(2);
});
