// @vitest-environment jsdom
import { Asks, emptyState, Emitter, type PageAsk, Store } from '@labora/document';
import type { FrameContext } from '@labora/outputs';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { NotebookController } from '../model/controller';
import './messages';
import type { LiveOutputs } from './live-outputs';

const turn = () => new Promise<void>((resolve) => setTimeout(resolve));
const account = { id: 'ada', name: 'Ada', color: 0 };
const execution = { id: 'run', cell_id: 'c', account, status: 'running', started_at: 'then', runtime_id: 'r', life: 0 };
const runtime = { runtime_id: 'r', life: 0, status: 'ready', kernel: 'busy' };

let Made: typeof LiveOutputs;
beforeAll(async () => {
  // Nothing is laid out here, so nothing comes into view.
  vi.stubGlobal(
    'IntersectionObserver',
    class {
      observe() {}
    },
  );
  ({ LiveOutputs: Made } = await import('./live-outputs'));
});

function page() {
  const answers: Record<string, unknown>[] = [];
  const emitter = new Emitter();
  const cell = { execution_id: 'run', execution_count: 1, outputs: [] };
  const state = { ...emptyState(), runtimes: { ada: runtime }, executions: { run: execution }, cells: { c: cell } };
  const inserted: unknown[] = [];
  const client = { asks: new Asks((answer) => answers.push(answer)), status: new Store({ account }) };
  const room = { state, on: (topic: string, listener: () => void) => emitter.on(topic, listener) };
  const doc = { cell: () => ({ deleted: false }), insert: (cells: unknown[]) => (inserted.push(...cells), []) };
  const live = new Made({ client, room, doc, canEdit: true } as unknown as NotebookController);
  const ask = (kind: string, content: object = {}, ask_id = kind) => {
    const asked: PageAsk = { ask_id, execution_id: 'run', cell_id: 'c', kind, content: { ...content } };
    client.asks.received(asked);
  };
  const moveOn = () => {
    cell.execution_id = 'later';
    emitter.emit('cell:c');
  };
  return { live, ask, answers, inserted, moveOn, client };
}

let it: ReturnType<typeof page>;
beforeEach(() => {
  it = page();
});

test('a program does not wait for what the person says to a new cell, and hears that it may not ask twice', async () => {
  it.ask('scratch_cell', { content: 'x = 1' });
  it.ask('add_cell', { content: 'y = 1' });
  await turn();
  expect(it.answers).toMatchObject([
    { ask_id: 'scratch_cell', ok: true },
    { ask_id: 'add_cell', ok: false, code: 'refused' },
  ]);
  expect(it.inserted).toEqual([]);
  it.live.questions.open.get()[0]?.answer(true);
  await turn();
  expect(it.inserted).toEqual([{ kind: 'code', source: 'x = 1' }]);
});

test('who waits for a frame is told when the cell shows a later run', async () => {
  it.ask('javascript', { script: '1' }, 'early');
  await turn();
  expect(it.answers).toEqual([]);
  it.moveOn();
  await turn();
  it.ask('javascript', { script: '1' }, 'late');
  await turn();
  expect(it.answers).toMatchObject([
    { ask_id: 'early', code: 'replaced' },
    { ask_id: 'late', code: 'replaced' },
  ]);
});

test('an output adds a cell of the kind it names, and none of a kind that there is not', async () => {
  const add = (kind: unknown, code: string) =>
    it.live.ask({ cellId: 'c', executionId: 'run' } as FrameContext, 'cell', { code, kind }, []);
  await expect(add('raw', 'no')).rejects.toMatchObject({ code: 'invalid' });
  for (const [kind, made] of [
    ['text', 'markdown'],
    ['markdown', 'markdown'],
    ['code', 'code'],
    [undefined, 'code'],
  ] as const) {
    const added = add(kind, '# One');
    await turn();
    it.live.questions.open.get()[0]?.answer(true);
    await added;
    expect(it.inserted.pop()).toEqual({ kind: made, source: '# One' });
  }
});
