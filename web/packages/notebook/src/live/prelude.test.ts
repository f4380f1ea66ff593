import type { CellState, Execution, RoomState, RuntimeState } from '@labora/document';
import { describe, expect, test } from 'vitest';
import { newestBundle } from './prelude';

const LOAD = 'application/vnd.bokehjs_load.v0+json';

interface Run {
  account: string;
  runtime_id?: string;
  life?: number;
  started_at?: string;
}

/** A notebook with a cell `plot`, and cells that hold a bundle each; null: saved. */
function notebook(plot: Run | null, bundles: Record<string, Run | null>): RoomState {
  const cells: Record<string, CellState> = {};
  const executions: Record<string, Execution> = {};
  for (const [id, run] of Object.entries({ plot, ...bundles })) {
    const output = { id, output_type: 'display_data', data: { [LOAD]: id }, metadata: {} };
    const outputs = id === 'plot' ? [] : [output as CellState['outputs'][number]];
    cells[id] = { execution_id: run && `run-${id}`, execution_count: 1, outputs };
    if (run === null) continue;
    const { account, ...more } = { runtime_id: 'r', life: 1, started_at: '2026-01-01T00:00:00Z', ...run };
    const made = { id: `run-${id}`, cell_id: id, account: { id: account, name: account }, status: 'ok', ...more };
    executions[made.id] = made as Execution;
  }
  const runtime = { runtime_id: 'r', life: 1, status: 'ready', kernel: 'idle' } as RuntimeState;
  return { cells, executions, runtimes: { ada: runtime, eve: runtime } } as unknown as RoomState;
}

const bundleOf = (plot: Run | null, bundles: Record<string, Run | null>) =>
  newestBundle(notebook(plot, bundles), 'ada', 'plot')?.id ?? null;

describe('test_sec_29 the bundle that runs before a plot', () => {
  const later = '2026-01-02T00:00:00Z';

  test('is the newest one of the same kernel', () => {
    const found = bundleOf({ account: 'ada' }, { one: { account: 'ada', started_at: later }, two: { account: 'ada' } });
    expect(found).toBe('one');
  });

  test.each([
    ['somebody else’s', { account: 'eve', started_at: later }],
    ['a saved one', null],
    ['one of an earlier life', { account: 'ada', life: 0, started_at: later }],
    ['one of another runtime', { account: 'ada', runtime_id: 'old', started_at: later }],
  ])('is for an own plot never %s', (_name, run) => {
    expect(bundleOf({ account: 'ada' }, { other: run })).toBe(null);
    expect(bundleOf({ account: 'ada' }, { other: run, mine: { account: 'ada' } })).toBe('mine');
  });

  test('is for a saved plot a saved one, and for one of the past one of the same account', () => {
    expect(bundleOf(null, { saved: null, eve: { account: 'eve' } })).toBe('saved');
    expect(bundleOf({ account: 'ada', life: 0 }, { now: { account: 'ada' }, eve: { account: 'eve' } })).toBe('now');
    expect(bundleOf({ account: 'eve' }, { ada: { account: 'ada' } })).toBe(null);
  });
});
