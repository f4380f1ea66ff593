import { expect, test } from 'vitest';
import { githubPath, placeOf } from './paths';

test('an owner, a repository and an address of GitHub lead to its page', () => {
  expect(githubPath(' ada ')).toBe('/github/ada');
  expect(githubPath('ada/waves')).toBe('/github/ada/waves');
  expect(githubPath('https://github.com/ada/waves/')).toBe('/github/ada/waves');
  expect(githubPath('ada/a b')).toBe('/github/ada/a%20b');
});

test('an address names a place, or nothing yet', () => {
  const at = (address: string) => placeOf(new URL(address, 'http://localhost:8000'));
  expect(at('/url')).toBeNull();
  expect(at('/url?u=')).toBeNull();
  expect(at('/url?u=https%3A%2F%2Fexample.org%2Fa.ipynb%3Fx%3D1')).toBe('https://example.org/a.ipynb?x=1');
  expect(at('/github/ada/waves/blob/feature%2Fdeep/Two%20words.ipynb')).toBe(
    '/github/ada/waves/blob/feature%2Fdeep/Two%20words.ipynb',
  );
  expect(at('/gist/ada/0a1b#file-x-ipynb')).toBe('/gist/ada/0a1b#file-x-ipynb');
  expect(at('/gist/ada/0a1b#scrollTo=x')).toBe('/gist/ada/0a1b');
});
