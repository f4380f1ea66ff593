import { describe, expect, test } from 'vitest';
import { Asks, type PageAsk } from '../src/asks';
import { CommandError } from '../src/commands';
import { emptyState } from '../src/events';
import { isLive, ownExecution } from '../src/live';
import type { Execution, RoomState, RuntimeState } from '../src/types';

const ada = { id: 'ada', name: 'Ada' };

function stateWith(execution: Partial<Execution>, runtime: Partial<RuntimeState>): RoomState {
  const run = {
    id: 'e', cell_id: 'c', account: ada, runtime_id: 'r', source_sha256: '', status: 'ok', queued_at: '2026-01-01T00:00:00Z',
    started_at: '2026-01-01T00:00:01Z', finished_at: null, reason: null, execution_count: 1, life: 2, ...execution,
  } as Execution; // prettier-ignore
  const machine = {
    runtime_id: 'r', account: ada, status: 'ready', kernel: 'idle', progress: null, reason: null, message: null,
    language: null, started_at: null, isolation: null, life: 2, ...runtime,
  } as RuntimeState; // prettier-ignore
  return {
    ...emptyState(),
    cells: { c: { execution_id: 'e', execution_count: 1, outputs: [] } },
    executions: { e: run },
    runtimes: { ada: machine, eve: { ...machine, account: { id: 'eve', name: 'Eve' } } },
  };
}

describe('isLive', () => {
  test('an own run of the present kernel is live, running or done', () => {
    expect(isLive(stateWith({}, {}), 'ada', 'c')).toBe(true);
    expect(isLive(stateWith({ status: 'running' }, { kernel: 'busy' }), 'ada', 'c')).toBe(true);
  });

  test.each([
    ['somebody else’s', {}, {}, 'eve'],
    ['nobody’s', {}, {}, undefined],
    ['an earlier life’s', { life: 1 }, {}, 'ada'],
    ['one of unknown life', { life: null }, { life: null }, 'ada'],
    ['another runtime’s', { runtime_id: 'old' }, {}, 'ada'],
    ['a dead kernel’s', {}, { kernel: 'dead' }, 'ada'],
    ['an ended runtime’s', {}, { status: 'ended' }, 'ada'],
    ['a queued run’s', { status: 'queued', started_at: null }, {}, 'ada'],
    ['a cell’s that only says so', { cell_id: 'other' }, {}, 'ada'],
  ] as const)('test_sec_29 %s output is not', (_name, execution, runtime, account) => {
    expect(isLive(stateWith(execution, runtime), account, 'c')).toBe(false);
  });

  test('test_sec_29 a saved output is not, whatever it is called', () => {
    const state = stateWith({}, {});
    const saved = { ...state, cells: { c: { execution_id: null, execution_count: 1, outputs: [] } } };
    expect(isLive(saved, 'ada', 'c')).toBe(false);
    expect(isLive({ ...state, cells: { c: { ...saved.cells.c, execution_id: '__proto__' } } }, 'ada', 'c')).toBe(false);
    expect(isLive(state, '__proto__', 'c')).toBe(false);
  });
});

describe('ownExecution', () => {
  const own = (execution: Partial<Execution>, runtime: Partial<RuntimeState>, account = 'ada') =>
    ownExecution(stateWith(execution, runtime), account, 'c') !== null;

  test('stays the same from the start of a run until the kernel begins another life', () => {
    expect(own({ status: 'running' }, { kernel: 'busy' })).toBe(true);
    expect(own({}, { kernel: 'idle' })).toBe(true);
    expect(own({}, { kernel: 'restarting' })).toBe(true);
    expect(own({}, { kernel: 'dead' })).toBe(true);
    expect(own({}, { status: 'ended' })).toBe(true);
    expect(own({}, { life: 3 })).toBe(false);
    expect(own({}, { runtime_id: 'next' })).toBe(false);
    expect(own({}, {}, 'eve')).toBe(false);
  });
});

describe('Asks', () => {
  const ask = (id: string, kind = 'k'): PageAsk => ({ ask_id: id, execution_id: 'e', cell_id: 'c', kind, content: {} });
  const settled = () => new Promise((resolve) => setTimeout(resolve));

  test('each is answered once, with a value, a refusal or that nobody knows it', async () => {
    const answers: unknown[] = [];
    const asks = new Asks((answer) => answers.push(answer));
    let runs = 0;
    asks.handle('k', async () => ++runs);
    asks.handle('no', () => Promise.reject(new CommandError('refused', 'No.')));
    asks.received(ask('1'));
    asks.received(ask('1'));
    asks.received(ask('2', 'no'));
    asks.received(ask('3', 'other'));
    await settled();
    expect(runs).toBe(1);
    expect(answers).toContainEqual({ ask_id: '1', ok: true, value: 1 });
    expect(answers).toContainEqual({ ask_id: '2', ok: false, code: 'refused', message: 'No.' });
    expect(answers).toContainEqual(expect.objectContaining({ ask_id: '3', ok: false, code: 'unsupported' }));
    expect(answers).toHaveLength(3);
  });

  test('one that nobody waits for is stopped and not answered', async () => {
    const answers: unknown[] = [];
    const asks = new Asks((answer) => answers.push(answer));
    let signal: AbortSignal | undefined;
    let finish: (value: unknown) => void = () => {};
    asks.handle('k', (_ask, given) => {
      signal = given;
      return new Promise((resolve) => (finish = resolve));
    });
    asks.received(ask('1'));
    asks.gone('1');
    expect(signal?.aborted).toBe(true);
    finish(1);
    await settled();
    expect(answers).toEqual([]);
  });
});
