/** The room's server-written state with subscriptions per cell, so that an output draws one cell and never the list. */
import { applyEvent, emptyState } from './events';
import { Emitter } from './emitter';
import type { CellState, Comment, Execution, InputRequest, RoomEvent, RoomState, RuntimeState } from './types';

/** What one cell shows of the room. */
export interface CellRun {
  state: CellState | null;
  /** The latest run: a queued or running one, else the owner of the output slot, else the last that ended. */
  execution: Execution | null;
  /** Place in the queue of its runtime, from 1; 0 when not queued. */
  queued: number;
  /** A pending `input()` of the running execution. */
  input: InputRequest | null;
}

export type RoomTopic = 'queue' | 'runtimes' | 'saved' | 'executions' | 'inputs' | 'comments' | `cell:${string}`;

const noComments: Readonly<Record<string, Comment>> = {};
const idle: CellRun = { state: null, execution: null, queued: 0, input: null };

export class RoomStore {
  readonly #emitter = new Emitter<RoomTopic>();
  readonly #runs = new Map<string, CellRun>();
  /** The latest execution of each cell, kept so that a cell need not search the history. */
  readonly #latest = new Map<string, string>();
  #state: RoomState = emptyState();

  get state(): RoomState {
    return this.#state;
  }

  readonly on = (topic: RoomTopic, listener: () => void): (() => void) => this.#emitter.on(topic, listener);

  /** Takes the whole state, at a welcome. */
  replace(state: RoomState): void {
    this.#state = state;
    this.#runs.clear();
    this.#latest.clear();
    for (const execution of Object.values(state.executions)) this.#noteLatest(execution);
    this.#emitter.emitAll();
  }

  /** Applies a batch in order and tells each touched topic once. Throws where an event is not known. */
  apply(events: readonly RoomEvent[]): void {
    const topics = new Set<RoomTopic>();
    for (const event of events) {
      const before = this.#state;
      this.#state = applyEvent(before, event);
      this.#touch(event, before, topics);
    }
    for (const topic of topics) if (topic.startsWith('cell:')) this.#runs.delete(topic.slice(5));
    for (const topic of topics) this.#emitter.emit(topic);
  }

  cell(id: string): CellRun {
    const known = this.#runs.get(id);
    if (known) return known;
    const run = this.#read(id);
    this.#runs.set(id, run);
    return run;
  }

  /** All comments by id. The same object until one changes. */
  readonly comments = (): Readonly<Record<string, Comment>> => this.#state.comments ?? noComments;

  /** Takes what the server answered about a comment, unless an event has told something newer already. */
  putComment(id: string, comment: Comment | null): void {
    const known = this.comments()[id];
    if (comment && known && known.changed_at > comment.changed_at) return;
    if (!comment && !known) return;
    this.apply([{ type: 'comment', comment_id: id, comment, replies: comment?.replies ?? [] }]);
  }

  runtime(accountId: string): RuntimeState | null {
    return this.#state.runtimes[accountId] ?? null;
  }

  #read(id: string): CellRun {
    const state = this.#state.cells[id] ?? null;
    const latest = this.#latest.get(id) ?? state?.execution_id ?? null;
    const execution = latest ? (this.#state.executions[latest] ?? null) : null;
    const input = execution ? (this.#state.inputs[execution.id] ?? null) : null;
    const queued = execution?.status === 'queued' ? this.#place(execution) : 0;
    return state || execution ? { state, execution, queued, input } : idle;
  }

  /** Counts the runs of the same account that stand before this one: each account's runtime has its own line. */
  #place(execution: Execution): number {
    let place = 0;
    for (const id of this.#state.queue) {
      if (this.#state.executions[id]?.account.id === execution.account.id) place++;
      if (id === execution.id) return place;
    }
    return 0;
  }

  #noteLatest(execution: Execution): void {
    const known = this.#state.executions[this.#latest.get(execution.cell_id) ?? ''];
    if (!known || execution.queued_at >= known.queued_at) this.#latest.set(execution.cell_id, execution.id);
  }

  #touch(event: RoomEvent, before: RoomState, topics: Set<RoomTopic>): void {
    switch (event.type) {
      case 'execution':
        this.#noteLatest(event.execution);
        topics.add(`cell:${event.execution.cell_id}`).add('executions');
        if (before.queue !== this.#state.queue) {
          topics.add('queue');
          this.#touchQueued(topics);
        }
        break;
      case 'count':
      case 'outputs':
      case 'cell_state':
        topics.add(`cell:${event.cell_id}`);
        break;
      case 'input': {
        const cell = this.#state.executions[event.execution_id]?.cell_id;
        if (cell) topics.add(`cell:${cell}`);
        topics.add('inputs');
        break;
      }
      case 'runtime':
        topics.add('runtimes');
        break;
      case 'saved':
        topics.add('saved');
        break;
      case 'comment':
        topics.add('comments');
        break;
      case 'forget':
        for (const id of event.executions) {
          const cell = before.executions[id]?.cell_id;
          if (!cell) continue;
          if (this.#latest.get(cell) === id) this.#latest.delete(cell);
          topics.add(`cell:${cell}`);
        }
        topics.add('executions');
    }
  }

  #touchQueued(topics: Set<RoomTopic>): void {
    for (const id of this.#state.queue) {
      const cell = this.#state.executions[id]?.cell_id;
      if (cell) topics.add(`cell:${cell}`);
    }
  }
}
