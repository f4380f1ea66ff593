/**
 * What this page says to its account's kernel. One update of a model is under way at a time; those made meanwhile become
 * one, in which the newest value of each trait wins, so that a slider that is dragged never outruns its kernel.
 */
import { randomId } from '@labora/api';
import { CommandError } from './commands';
import { commFrame, type SentComm } from './comm-wire';
import { isRecord, overlay, readUpdate } from './widget-model';

/** More than this waits for no kernel: what sends without end is refused. */
const WAITING_MAXIMUM = 256;

interface Queued {
  message: SentComm;
  settle: { resolve(): void; reject(error: Error): void }[];
}

interface Line {
  queue: Queued[];
  /** An update is under way. */
  busy: boolean;
}

export class CommSender {
  readonly #send: (frame: Uint8Array<ArrayBuffer>) => boolean;
  readonly #lines = new Map<string, Line>();
  readonly #underWay = new Map<string, { line: Line; queued: Queued }>();

  /** `send` takes a frame and says whether it went out. */
  constructor(send: (frame: Uint8Array<ArrayBuffer>) => boolean) {
    this.#send = send;
  }

  /** Sends a message; resolves once the kernel has dealt with it. Rejects with CommandError when it is refused. */
  send(message: SentComm): Promise<void> {
    const id = message.content.comm_id;
    let line = this.#lines.get(id);
    if (!line) this.#lines.set(id, (line = { queue: [], busy: false }));
    const { queue } = line;
    return new Promise((resolve, reject) => {
      const settle = { resolve, reject };
      const last = queue.at(-1);
      const merged = last && merge(last.message, message);
      if (merged) {
        last.message = merged;
        last.settle.push(settle);
      } else if (queue.length + this.#underWay.size >= WAITING_MAXIMUM) {
        reject(new CommandError('too_many', 'The kernel is behind with what this output sends.'));
      } else queue.push({ message, settle: [settle] });
      this.#next(line);
    });
  }

  done(id: string): void {
    this.#take(id, ({ resolve }) => resolve());
  }

  refused(id: string, code: string, message: string): void {
    this.#take(id, ({ reject }) => reject(new CommandError(code, message)));
  }

  /** What was under way may have arrived or not: the state that the server tells next is what holds. */
  disconnected(): void {
    for (const id of Array.from(this.#underWay.keys())) this.refused(id, 'offline', OFFLINE);
  }

  #next(line: Line): void {
    for (let head = line.queue[0]; head; head = line.queue[0]) {
      const update = isUpdate(head.message);
      if (update && line.busy) return;
      line.queue.shift();
      const id = randomId();
      const { buffers, ...header } = head.message;
      if (this.#send(commFrame({ id, ...header }, buffers))) {
        line.busy ||= update;
        this.#underWay.set(id, { line, queued: head });
      } else for (const { reject } of head.settle) reject(new CommandError('offline', OFFLINE));
    }
  }

  #take(id: string, settle: (one: Queued['settle'][number]) => void): void {
    const found = this.#underWay.get(id);
    if (!found) return;
    this.#underWay.delete(id);
    const { line, queued } = found;
    if (isUpdate(queued.message)) line.busy = false;
    for (const one of queued.settle) settle(one);
    this.#next(line);
    const quiet = line.queue.length === 0 && !line.busy;
    if (quiet) this.#lines.delete(queued.message.content.comm_id);
  }
}

const OFFLINE = 'There is no connection to the server.';

const isUpdate = ({ type, content }: SentComm): boolean =>
  type === 'comm_msg' && isRecord(content.data) && content.data['method'] === 'update';

/** Two updates of one model as one; null where they cannot be. */
function merge(before: SentComm, after: SentComm): SentComm | null {
  if (!isUpdate(before) || !isUpdate(after) || before.execution_id !== after.execution_id) return null;
  const older = readUpdate(before.content.data, before.buffers);
  const newer = readUpdate(after.content.data, after.buffers);
  if (!older || !newer) return null;
  const { state, buffers } = overlay(older, newer);
  const data = { method: 'update', state, buffer_paths: buffers.map((one) => one.path) };
  return { ...after, content: { ...after.content, data }, buffers: buffers.map((one) => one.data) };
}
