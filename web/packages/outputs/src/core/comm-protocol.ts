/**
 * What the page and an output frame say to each other about comms and widgets. Every output may follow a widget's model
 * and is shown it; only a live one may send. Like all that a frame says, its messages are read before they are believed.
 */
import type { CommMessage } from './protocol';

/** A widget's model as plain data; `buffers` belong into `state` at their paths. */
export interface FollowedModel {
  id: string;
  state: Readonly<Record<string, unknown>>;
  buffers: readonly { path: readonly (string | number)[]; data: ArrayBuffer }[];
}

/** What became of a model that a frame asked for. */
export interface Followed {
  /** live: its kernel lives; saved: the notebook's file keeps it; none: it is nowhere. */
  source: 'live' | 'saved' | 'none';
  /** The kernel is this person's own, and takes what they change. */
  mine: boolean;
  /** Whose kernel it is. */
  owner: string;
  /** The model and every other that it needs. */
  models: readonly FollowedModel[];
}

export type CommPageMessage =
  | { t: 'followed'; request: number; value: Followed }
  | { t: 'module'; request: number; source: string | null }
  | { t: 'comm'; message: CommMessage }
  /** The kernel has dealt with what the frame sent, or never will. */
  | { t: 'comm-done'; id: string; ok: boolean };

export type CommFrameMessage =
  | { t: 'follow'; request: number; id: string }
  | { t: 'module'; request: number; name: string }
  | { t: 'comm'; message: CommMessage };

/** The page's side of one frame's comms; it goes with the frame. */
export interface FrameComms {
  receive(message: CommFrameMessage): void;
  dispose(): void;
}

const NAME_MAXIMUM = 512;
const TEXT_MAXIMUM = 32 * 1024 * 1024;
const BYTES_MAXIMUM = 64 * 1024 * 1024;
const BUFFERS_MAXIMUM = 1_000;
const MODULE = /^(?:@[\w.-]+\/)?[\w-][\w.-]*(?:\/[\w-][\w.-]*)*$/;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isName = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= NAME_MAXIMUM;

/** Reads a message of a frame that is about comms; null for anything else. */
export function parseCommFrameMessage(data: unknown): CommFrameMessage | null {
  if (!isRecord(data)) return null;
  const { t, request, id, name, message } = data;
  if (t === 'follow') return isCount(request) && isName(id) ? { t, request, id } : null;
  if (t === 'module') return isCount(request) && isName(name) && MODULE.test(name) ? { t, request, name } : null;
  if (t !== 'comm') return null;
  const comm = readComm(message);
  return comm && { t, message: comm };
}

function readComm(value: unknown): CommMessage | null {
  if (!isRecord(value)) return null;
  const { id, type, buffers } = value;
  if (!isName(id) || (type !== 'comm_open' && type !== 'comm_msg' && type !== 'comm_close')) return null;
  const content = plain(value['content']);
  if (!isRecord(content) || !isName(content['comm_id'])) return null;
  const metadata = plain(value['metadata'] ?? {});
  if (!isRecord(metadata) || !Array.isArray(buffers) || buffers.length > BUFFERS_MAXIMUM) return null;
  if (!buffers.every((buffer) => buffer instanceof ArrayBuffer)) return null;
  if (buffers.reduce((sum, buffer) => sum + buffer.byteLength, 0) > BYTES_MAXIMUM) return null;
  const { comm_id, target_name, target_module, data = {} } = content;
  return {
    id,
    type,
    content: {
      comm_id,
      data,
      ...(isName(target_name) ? { target_name } : {}),
      ...(isName(target_module) ? { target_module } : {}),
    },
    metadata,
    buffers,
  };
}

/** A value as JSON has it; undefined for what JSON cannot hold, or for too much. */
function plain(value: unknown): unknown {
  try {
    const text = JSON.stringify(value);
    return text.length > TEXT_MAXIMUM ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}
