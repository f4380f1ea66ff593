/** Which outputs are live (docs/protocols.md, section 8): only theirs may act, and only for who ran them. */
import type { Execution, RoomState } from './types';

/**
 * Returns the execution whose output a cell shows, if it is an account's own and of its kernel's present life: from its
 * start on, and until another life or runtime begins. Nothing that is in the document or in an output has a say in it.
 */
export function ownExecution(state: RoomState, accountId: string | undefined, cellId: string): Execution | null {
  const id = Object.hasOwn(state.cells, cellId) ? state.cells[cellId]?.execution_id : null;
  if (!accountId || !id || !Object.hasOwn(state.executions, id)) return null;
  const execution = state.executions[id];
  const runtime = Object.hasOwn(state.runtimes, accountId) ? state.runtimes[accountId] : undefined;
  if (!execution || !runtime || execution.account.id !== accountId || execution.cell_id !== cellId) return null;
  if (execution.status === 'queued' || execution.started_at === null) return null;
  if (execution.runtime_id === null || execution.runtime_id !== runtime.runtime_id) return null;
  return typeof execution.life === 'number' && execution.life === runtime.life ? execution : null;
}

/** Returns the execution whose output a cell shows, if it is live for an account: its own, and the kernel still lives. */
export function liveExecution(state: RoomState, accountId: string | undefined, cellId: string): Execution | null {
  const execution = ownExecution(state, accountId, cellId);
  if (execution === null) return null;
  const runtime = state.runtimes[execution.account.id];
  const ready = runtime?.status === 'ready' && (runtime.kernel === 'idle' || runtime.kernel === 'busy');
  return ready ? execution : null;
}

export const isLive = (state: RoomState, accountId: string | undefined, cellId: string): boolean =>
  liveExecution(state, accountId, cellId) !== null;
