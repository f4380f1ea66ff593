/**
 * BokehJS comes from the kernel once, where `output_notebook` was called, and every later plot of the notebook needs it in
 * its own frame: a cell that shows a plot gets the newest bundle before its outputs. It is a program and runs
 * in the cell's frame: it comes from the same account's runs only, and into an own output from the same kernel's.
 */
import { useMemo } from 'react';
import { type Execution, type Output, ownExecution, type RoomState } from '@labora/document';
import { useController, useRoom } from '../model/context';

const LOAD = 'application/vnd.bokehjs_load.v0+json';
const EXEC = 'application/vnd.bokehjs_exec.v0+json';

const has = (output: Output, mime: string): boolean => 'data' in output && Object.hasOwn(output.data, mime);

export function usePrelude(cellId: string, outputs: readonly Output[]): readonly Output[] {
  const { room, client } = useController();
  const needed = outputs.some((output) => has(output, EXEC)) && !outputs.some((output) => has(output, LOAD));
  const bundle = useRoom('executions', () =>
    needed ? newestBundle(room.state, client.status.get().account?.id, cellId) : null,
  );
  return useMemo(() => (bundle ? [bundle, ...outputs] : outputs), [bundle, outputs]);
}

/** Returns the newest bundle that may run in the frame of a cell, as `me` sees it; null where there is none. */
export function newestBundle(state: RoomState, me: string | undefined, cellId: string): Output | null {
  const executionOf = (id: string) => state.executions[state.cells[id]?.execution_id ?? ''];
  const shown = executionOf(cellId);
  const own = ownExecution(state, me, cellId) !== null;
  let found: Output | null = null;
  let at = '';
  for (const [id, cell] of Object.entries(state.cells)) {
    const output = cell.outputs.find((candidate) => has(candidate, LOAD));
    const from = executionOf(id);
    if (!output || from?.account.id !== shown?.account.id || (own && !sameKernel(from, shown))) continue;
    const when = from?.started_at ?? '';
    if (found === null || when >= at) [found, at] = [output, when];
  }
  return found;
}

const sameKernel = (one: Execution | undefined, other: Execution | undefined): boolean =>
  one?.runtime_id === other?.runtime_id && one?.life === other?.life;
