import { expect, test } from 'vitest';
import { FrameWork } from '../src/frame-work';

test('what waits for a frame is told when there will be none, and no longer keeps its place busy', async () => {
  const work = new FrameWork(
    () => Promise.resolve(null),
    () => {},
  );
  const results = [work.run('1'), work.run('2')];
  expect(work.busy).toBe(true);
  work.end('no_frame', 'There is none.');
  expect(await Promise.allSettled(results)).toMatchObject([
    { status: 'rejected', reason: { code: 'no_frame', message: 'There is none.' } },
    { status: 'rejected', reason: { code: 'no_frame', message: 'There is none.' } },
  ]);
  expect(work.busy).toBe(false);
});
