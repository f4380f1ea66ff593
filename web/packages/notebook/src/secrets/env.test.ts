import { expect, test } from 'vitest';
import { readEnv } from './env';

test('lines of a .env file', () => {
  const text = [
    '# comment',
    'A=1',
    'export B = two words # note',
    `C='single # kept \\n'`,
    'D="a\\nb \\"c\\""',
    'E=',
    'A=3',
    'KEY="-----BEGIN',
    'x',
    'END"',
    'no line',
    'F="open',
    'URL=https://a.b/c#d',
  ].join('\r\n');
  expect(readEnv(text)).toEqual([
    { name: 'A', value: '3' },
    { name: 'B', value: 'two words' },
    { name: 'C', value: 'single # kept \\n' },
    { name: 'D', value: 'a\nb "c"' },
    { name: 'E', value: '' },
    { name: 'KEY', value: '-----BEGIN\nx\nEND' },
    { name: 'F', value: '"open' },
    { name: 'URL', value: 'https://a.b/c#d' },
  ]);
});
