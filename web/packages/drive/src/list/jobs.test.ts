import { expect, test } from 'vitest';
import type { File } from '@labora/api';
import { run, running, withProgress } from './jobs';

const files = Array.from({ length: 7 }, (_, at) => ({ id: `f${at}`, name: `file ${at}` }) as File);

test('every file is tried once, and what fails keeps no other from it', async () => {
  const tried: string[][] = [];
  const outcome = await run('Moving', files, 3, async (some) => {
    tried.push(some.map((file) => file.id));
    if (some[0]?.id === 'f3') throw new Error('the line broke');
    return some.filter((file) => file.id === 'f1').map((file) => ({ file, reason: 'not yours' }));
  });
  expect(tried).toEqual([['f0', 'f1', 'f2'], ['f3', 'f4', 'f5'], ['f6']]);
  expect(outcome.done.map((file) => file.id)).toEqual(['f0', 'f2', 'f6']);
  expect(outcome.failed.map(({ file }) => file.id)).toEqual(['f1', 'f3', 'f4', 'f5']);
  expect(outcome.stopped).toBe(false);
  expect(running()).toEqual([]);
});

test('it can be stopped between two steps and says what was done until then', async () => {
  const outcome = await run('Moving', files, 2, async (some) => {
    if (some[0]?.id === 'f2') running()[0]?.stop();
    return [];
  });
  expect(outcome.done.map((file) => file.id)).toEqual(['f0', 'f1', 'f2', 'f3']);
  expect(outcome.stopped).toBe(true);
});

test('what is long can be stopped although it is one step', async () => {
  const outcome = await run(
    'Copying',
    files.slice(0, 1),
    1,
    async (_some, signal) => {
      running()[0]?.stop();
      signal.throwIfAborted();
      return [];
    },
    true,
  );
  expect(outcome).toEqual({ done: [], failed: [], stopped: true });
});

test('progress is told while it runs', async () => {
  const seen: number[] = [];
  await withProgress('Counting', 4, async (_signal, progress) => {
    for (const done of [1, 4]) {
      progress(done);
      seen.push(running()[0]?.done ?? -1);
    }
  });
  expect(seen).toEqual([1, 4]);
});
