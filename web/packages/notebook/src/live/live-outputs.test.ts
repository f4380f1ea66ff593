import type { PageAsk } from '@labora/document';
import { expect, test, vi } from 'vitest';
import type { NotebookController } from '../model/controller';
import { LiveOutputs } from './live-outputs';

vi.hoisted(() => {
  // Frames watch where they are; there are none here.
  class Blind {
    observe() {}
    unobserve() {}
    disconnect() {}
  }
  vi.stubGlobal('IntersectionObserver', Blind);
});

type Handler = (ask: PageAsk, signal: AbortSignal) => Promise<unknown>;

test('a cell may wait for several uploads at once, and each is answered for itself', async () => {
  const handlers = new Map<string, Handler>();
  const controller = {
    client: {
      asks: { handle: (kind: string, handler: Handler) => handlers.set(kind, handler) },
      status: { get: () => ({ account: { id: 'ada' } }) },
    },
    room: { state: { executions: { run: { account: { id: 'ada' }, runtime_id: 'r' } } } },
  };
  const live = new LiveOutputs(controller as unknown as NotebookController);
  const ask = (ask_id: string, signal: AbortSignal) =>
    handlers.get('upload')?.({ ask_id, execution_id: 'run', cell_id: 'c', kind: 'upload', content: {} }, signal);
  const waiting = () => (live.uploads.get().get('c') ?? []).map(({ id }) => id);
  const gone = new AbortController();
  const first = ask('1', new AbortController().signal);
  void ask('2', gone.signal);
  const third = ask('3', new AbortController().signal);
  expect(waiting()).toEqual(['1', '2', '3']);
  gone.abort();
  expect(waiting()).toEqual(['1', '3']);
  const files = [{ name: 'a.csv', size: 1 }];
  live.uploads.get().get('c')?.[1]?.answer(files);
  expect(await third).toEqual(files);
  expect(waiting()).toEqual(['1']);
  live.uploads.get().get('c')?.[0]?.answer([]);
  expect(await first).toEqual([]);
  expect(live.uploads.get().size).toBe(0);
});
