/**
 * What the page and an output frame say to each other about comms and widgets. Every output may follow a widget's model
 * and is shown it; only a live one may send. Like all that a frame says, its messages are read before they are believed.
 */
import { plainRecord } from './plain';
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

const NAME_MAXIMUM = 1_000;
const BUFFERS_MAXIMUM = 10_000;
/** Bytes of the buffers of one comm message. */
const BUFFER_BYTES_MAXIMUM = 64 * 1024 * 1024;
/** Names of packages, which become part of a path. */
const MODULE = /^(?:@[\w.-]+\/)?[\w-][\w.-]*(?:\/[\w-][\w.-]*)*$/;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isName = (value: unknown): value is string => typeof value === 'string' && value.length <= NAME_MAXIMUM;
const own = (record: Record<string, unknown>, key: string): unknown =>
  Object.hasOwn(record, key) ? record[key] : undefined;

/** Reads a message of a frame that is about comms; null for anything else. */
export function parseCommFrameMessage(data: Record<string, unknown>): CommFrameMessage | null {
  const [t, request, id, name] = ['t', 'request', 'id', 'name'].map((key) => own(data, key));
  if (t === 'follow') return isCount(request) && isName(id) ? { t, request, id } : null;
  if (t === 'module') return isCount(request) && isName(name) && MODULE.test(name) ? { t, request, name } : null;
  const message = t === 'comm' ? parseComm(own(data, 'message')) : null;
  return message === null ? null : { t: 'comm', message };
}

function parseBuffers(value: unknown): ArrayBuffer[] | null {
  if (!Array.isArray(value) || value.length > BUFFERS_MAXIMUM) return null;
  let bytes = 0;
  for (const buffer of value as unknown[]) {
    if (!(buffer instanceof ArrayBuffer)) return null;
    bytes += buffer.byteLength;
  }
  return bytes <= BUFFER_BYTES_MAXIMUM ? (value as ArrayBuffer[]) : null;
}

function parseComm(value: unknown): CommMessage | null {
  const buffers = isRecord(value) ? parseBuffers(own(value, 'buffers') ?? []) : null;
  const content = isRecord(value) ? plainRecord(own(value, 'content')) : undefined;
  const metadata = isRecord(value) ? plainRecord(own(value, 'metadata') ?? {}) : undefined;
  if (!isRecord(value) || buffers === null || content === undefined || metadata === undefined) return null;
  const [id, type] = [own(value, 'id'), own(value, 'type')];
  if (type !== 'comm_open' && type !== 'comm_msg' && type !== 'comm_close') return null;
  const { comm_id, target_name, target_module, data } = content;
  if (!isName(comm_id) || (type === 'comm_open' && !isName(target_name))) return null;
  return {
    ...(isName(id) ? { id } : {}),
    type,
    content: {
      comm_id,
      ...(isName(target_name) ? { target_name } : {}),
      ...(isName(target_module) ? { target_module } : {}),
      data: data ?? {},
    },
    metadata,
    buffers,
  };
}
