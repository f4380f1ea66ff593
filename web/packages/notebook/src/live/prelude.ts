/**
 * BokehJS comes from the kernel once, where `output_notebook` was called, and every later plot of the notebook needs it in
 * its own frame: a cell that shows a plot gets the notebook's newest bundle before its outputs.
 */
import { useMemo } from 'react';
import type { Output } from '@labora/document';
import { useController, useRoom } from '../model/context';

const LOAD = 'application/vnd.bokehjs_load.v0+json';
const EXEC = 'application/vnd.bokehjs_exec.v0+json';

const has = (output: Output, mime: string): boolean => 'data' in output && Object.hasOwn(output.data, mime);

export function usePrelude(outputs: readonly Output[]): readonly Output[] {
  const { room } = useController();
  const needed = outputs.some((output) => has(output, EXEC)) && !outputs.some((output) => has(output, LOAD));
  const bundle = useRoom('executions', () => (needed ? newestBundle(room.state) : null));
  return useMemo(() => (bundle ? [bundle, ...outputs] : outputs), [bundle, outputs]);
}

function newestBundle(state: ReturnType<typeof useController>['room']['state']): Output | null {
  let found: Output | null = null;
  let at = '';
  for (const cell of Object.values(state.cells)) {
    const output = cell.outputs.find((candidate) => has(candidate, LOAD));
    const when = state.executions[cell.execution_id ?? '']?.started_at ?? '';
    if (output && (found === null || when >= at)) [found, at] = [output, when];
  }
  return found;
}
