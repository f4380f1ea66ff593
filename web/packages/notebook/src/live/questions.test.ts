import { expect, test } from 'vitest';
import { Questions } from './questions';

test('a cell asks one thing at a time, and not again right after a no; other cells and a yes do not matter', async () => {
  let now = 0;
  const questions = new Questions(() => now);
  const ask = (cellId: string) => questions.ask(cellId, { kind: 'disconnect' });
  const first = ask('a');
  expect(await ask('a')).toBe(false);
  void ask('b');
  expect(questions.open.get().map((asked) => asked.cellId)).toEqual(['a', 'b']);
  questions.open.get()[0]?.answer(false);
  expect(await first).toBe(false);
  now = 4_999;
  expect(questions.mayAsk('a')).toBe(false);
  expect(await ask('a')).toBe(false);
  now = 5_000;
  const again = ask('a');
  questions.open.get().at(-1)?.answer(true);
  expect(await again).toBe(true);
  expect(questions.mayAsk('a')).toBe(true);
});
