/**
 * How events change a room's state. The twin of `labora/rooms/state.py: apply_event`, held together with it by
 * `tests/vectors/events.json`. Nothing is changed in place: what stayed the same is shared, so that a view can tell by
 * identity what it need not draw again.
 */
import type { CellState, Comment, Output, OutputOp, RoomEvent, RoomState, StreamOutput } from './types';

export const emptyState = (): RoomState => ({
  cells: {},
  executions: {},
  queue: [],
  runtimes: {},
  inputs: {},
  comments: {},
  saved: { seq: 0, revision_id: null, at: null },
});

const emptyCell: CellState = { execution_id: null, execution_count: null, outputs: [] };

/** The state after an event. Throws for an unknown type: the client then asks for the whole state again. */
export function applyEvent(state: RoomState, event: RoomEvent): RoomState {
  switch (event.type) {
    case 'execution':
      return applyExecution(state, event);
    case 'count':
      return applyCount(state, event);
    case 'outputs': {
      const cell = state.cells[event.cell_id] ?? emptyCell;
      return withCell(state, event.cell_id, { ...cell, outputs: event.ops.reduce(applyOutputOp, cell.outputs) });
    }
    case 'input':
      return { ...state, inputs: put(state.inputs, event.execution_id, event.request) };
    case 'runtime':
      return { ...state, runtimes: put(state.runtimes, event.account_id, event.runtime) };
    case 'saved':
      return { ...state, saved: event.saved };
    case 'cell_state':
      return { ...state, cells: put(state.cells, event.cell_id, event.state) };
    case 'comment':
      return { ...state, comments: put(state.comments ?? {}, event.comment_id, commented(state, event)) };
    case 'forget': {
      const executions = { ...state.executions };
      for (const id of event.executions) delete executions[id];
      return { ...state, executions };
    }
    default:
      throw new Error(`Event type ${JSON.stringify((event as { type: unknown }).type)} is not known.`);
  }
}

/** The comment after an event, which has those of its replies that are new or changed. */
function commented(state: RoomState, event: RoomEvent & { type: 'comment' }): Comment | null {
  if (event.comment === null) return null;
  const replies = new Map(state.comments?.[event.comment_id]?.replies.map((reply) => [reply.id, reply]));
  for (const reply of event.replies) replies.set(reply.id, reply);
  return { ...event.comment, replies: [...replies.values()] };
}

function put<T>(record: Record<string, T>, key: string, value: T | null): Record<string, T> {
  if (value !== null) return { ...record, [key]: value };
  const rest = { ...record };
  delete rest[key];
  return rest;
}

function withCell(state: RoomState, id: string, cell: CellState): RoomState {
  return { ...state, cells: { ...state.cells, [id]: cell } };
}

function applyExecution(before: RoomState, event: RoomEvent & { type: 'execution' }): RoomState {
  const { execution } = event;
  const { id, cell_id, status } = execution;
  const queued = before.queue.includes(id);
  let queue = before.queue;
  if (status === 'queued') queue = queued ? queue : [...queue, id];
  else if (queued) queue = queue.filter((other) => other !== id);
  const state = { ...before, executions: { ...before.executions, [id]: execution }, queue };
  if (status !== 'running') return state;
  const outputs = event.keep_outputs ? (before.cells[cell_id]?.outputs ?? []) : [];
  return withCell(state, cell_id, { execution_id: id, execution_count: null, outputs });
}

function applyCount(before: RoomState, event: RoomEvent & { type: 'count' }): RoomState {
  const { execution_id: id, execution_count } = event;
  let state = before;
  const execution = state.executions[id];
  if (execution) {
    state = { ...state, executions: { ...state.executions, [id]: { ...execution, execution_count } } };
  }
  const cell = state.cells[event.cell_id];
  return cell?.execution_id === id ? withCell(state, event.cell_id, { ...cell, execution_count }) : state;
}

/** A cell's outputs after one OutputOp. JavaScript strings count UTF-16 units, as the protocol does. */
export function applyOutputOp(outputs: Output[], op: OutputOp): Output[] {
  switch (op.op) {
    case 'splice':
      return [...outputs.slice(0, op.at), ...op.insert, ...outputs.slice(op.at + op.remove)];
    case 'text': {
      const old = streamAt(outputs, op.at);
      return outputs.with(op.at, { ...old, text: old.text.slice(0, op.keep) + op.text });
    }
    case 'spill': {
      const old = streamAt(outputs, op.at);
      return outputs.with(op.at, { ...old, parts: [...(old.parts ?? []), op.part], text: old.text.slice(op.drop) });
    }
    default:
      throw new Error(`Output operation ${JSON.stringify((op as { op: unknown }).op)} is not known.`);
  }
}

function streamAt(outputs: Output[], at: number): StreamOutput {
  const output = outputs[at];
  if (output?.output_type !== 'stream') throw new Error(`Output ${at} is not a stream.`);
  return output;
}
