/**
 * What the page and an output frame say to each other. The frame's side is hostile: every message of it is read by
 * `parseFrameMessage`, and what does not fit is dropped. The page's side is trusted by the frame.
 */
import { type CommFrameMessage, type CommPageMessage, parseCommFrameMessage } from './comm-protocol';
import { plain, plainRecord } from './plain';
import { type BlobInfo, isStream, type Output } from './types';

export const PROTOCOL_VERSION = 1;

/** The one message outside the port: the frame's page has started. It holds nothing worth reading. */
export const READY = 'labora:frame-ready';
/** With this message comes the port. */
export const CONNECT = 'labora:frame-connect';

export type FrameOp =
  | { op: 'splice'; at: number; remove: number; insert: readonly Output[] }
  | { op: 'text'; at: number; keep: number; text: string };

export interface FrameTheme {
  name: 'light' | 'dark';
  tokens: Readonly<Record<string, string>>;
}

export type PageMessage =
  | {
      t: 'init';
      version: number;
      theme: FrameTheme;
      externalImages: boolean;
      /** Whether it may act, as `live` tells from then on. */
      live: boolean;
      /** Whether outputs may load from other sites. */
      network: boolean;
      /** What the frame was made with: `camera`, `microphone`. */
      devices: readonly string[];
      outputs: readonly Output[];
    }
  | { t: 'ops'; ops: readonly FrameOp[] }
  | { t: 'theme'; theme: FrameTheme }
  | { t: 'scroll'; inner: boolean }
  | { t: 'text'; request: number }
  /** The person chose to save an output as an image. */
  | { t: 'picture'; request: number; output: string }
  | { t: 'blob'; request: number; blob: Blob | null }
  | { t: 'live'; on: boolean }
  | { t: 'do'; request: number; script: string }
  | { t: 'answer'; request: number; ok: true; value: unknown }
  | { t: 'answer'; request: number; ok: false; code: string; message: string }
  | CommPageMessage;

/**
 * What a kernel and an output say to each other over a comm (docs/protocols.md, section 8). To the frame go the messages
 * of comms that it follows; from the frame they go on only while its output is live.
 */
export interface CommMessage {
  /** Of one that the frame sends: `comm-done` tells it back. */
  id?: string;
  type: 'comm_open' | 'comm_msg' | 'comm_close' | 'comms_gone';
  content: { comm_id: string; target_name?: string; target_module?: string; data: unknown };
  metadata: Readonly<Record<string, unknown>>;
  buffers: readonly ArrayBuffer[];
}

/** What a frame may ask of the page; each is checked against the capability of its cell. */
export const FRAME_VERBS = ['call', 'port', 'files', 'view', 'cell', 'disconnect', 'device'] as const;
export type FrameVerb = (typeof FRAME_VERBS)[number];

export interface ForwardedKey {
  key: 'Escape' | 'Enter';
  ctrl: boolean;
  shift: boolean;
  alt: boolean;
  meta: boolean;
}

export type FrameMessage =
  | { t: 'height'; px: number }
  /** The program wants its output shown in full height, however tall it is. */
  | { t: 'tall'; on: boolean }
  | ({ t: 'key' } & ForwardedKey)
  | { t: 'focus' }
  | { t: 'text'; request: number; text: string }
  | { t: 'picture'; request: number; picture: Blob | null }
  | { t: 'blob'; request: number; blob: BlobInfo }
  | { t: 'done'; request: number; ok: true; value: unknown }
  | { t: 'done'; request: number; ok: false; message: string }
  | {
      t: 'ask';
      request: number;
      verb: FrameVerb;
      args: Readonly<Record<string, unknown>>;
      /** Files that the person chose, for the verb `files`. */
      files: readonly Blob[];
    }
  | CommFrameMessage;

/** Taller outputs scroll inside their frame. */
export const HEIGHT_MAXIMUM = 100_000;
export const TEXT_MAXIMUM = 16 * 1024 * 1024;
export const PICTURE_MAXIMUM = 64 * 1024 * 1024;
const MESSAGE_MAXIMUM = 10_000;
const FILES_MAXIMUM = 1_000;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const own = (record: Record<string, unknown>, key: string): unknown =>
  Object.hasOwn(record, key) ? record[key] : undefined;

function parseBlob(value: unknown): BlobInfo | null {
  if (!isRecord(value)) return null;
  const [sha256, size, media_type] = [own(value, 'sha256'), own(value, 'size'), own(value, 'media_type')];
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256) || !isCount(size)) return null;
  return typeof media_type === 'string' && media_type.length <= 255 ? { sha256, size, media_type } : null;
}

function parseDone(data: Record<string, unknown>, request: unknown): FrameMessage | null {
  if (!isCount(request)) return null;
  if (own(data, 'ok') !== true) {
    const message = own(data, 'message');
    return typeof message === 'string'
      ? { t: 'done', request, ok: false, message: message.slice(0, MESSAGE_MAXIMUM) }
      : null;
  }
  const value = plain(own(data, 'value') ?? null);
  return value === undefined
    ? { t: 'done', request, ok: false, message: 'The value is too large.' }
    : { t: 'done', request, ok: true, value };
}

function parseAsk(data: Record<string, unknown>, request: unknown): FrameMessage | null {
  const verb = FRAME_VERBS.find((known) => known === own(data, 'verb'));
  const args = plainRecord(own(data, 'args') ?? {});
  const files = own(data, 'files') ?? [];
  if (!isCount(request) || verb === undefined || args === undefined) return null;
  if (!Array.isArray(files) || files.length > FILES_MAXIMUM || !files.every((file) => file instanceof Blob))
    return null;
  return { t: 'ask', request, verb, args, files: verb === 'files' ? (files as Blob[]) : [] };
}

/** Reads a message from a frame; null for anything that is not one. */
export function parseFrameMessage(data: unknown): FrameMessage | null {
  if (!isRecord(data)) return null;
  const request = own(data, 'request');
  switch (own(data, 't')) {
    case 'height': {
      const px = own(data, 'px');
      if (typeof px !== 'number' || !Number.isFinite(px) || px < 0) return null;
      return { t: 'height', px: Math.min(Math.ceil(px), HEIGHT_MAXIMUM) };
    }
    case 'key': {
      const key = own(data, 'key');
      const [ctrl, shift, alt, meta] = ['ctrl', 'shift', 'alt', 'meta'].map((name) => own(data, name) === true);
      if (key !== 'Escape' && key !== 'Enter') return null;
      return { t: 'key', key, ctrl: ctrl === true, shift: shift === true, alt: alt === true, meta: meta === true };
    }
    case 'tall':
      return { t: 'tall', on: own(data, 'on') === true };
    case 'focus':
      return { t: 'focus' };
    case 'done':
      return parseDone(data, request);
    case 'ask':
      return parseAsk(data, request);
    case 'comm':
    case 'follow':
    case 'module':
      return parseCommFrameMessage(data);
    case 'text': {
      const text = own(data, 'text');
      return isCount(request) && typeof text === 'string' && text.length <= TEXT_MAXIMUM
        ? { t: 'text', request, text }
        : null;
    }
    case 'picture': {
      const picture = own(data, 'picture');
      if (!isCount(request)) return null;
      const usable = picture instanceof Blob && picture.size <= PICTURE_MAXIMUM;
      return { t: 'picture', request, picture: usable ? picture : null };
    }
    case 'blob': {
      const blob = parseBlob(own(data, 'blob'));
      return isCount(request) && blob !== null ? { t: 'blob', request, blob } : null;
    }
    default:
      return null;
  }
}

/** Lets `rate` messages a second through, and `burst` at once. */
export class RateLimit {
  private tokens: number;
  private last: number;
  /** How many were refused in the ten seconds that run. */
  refused = 0;
  private windowStart: number;

  constructor(
    private readonly rate: number,
    private readonly burst: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.tokens = burst;
    this.last = now();
    this.windowStart = this.last;
  }

  take(): boolean {
    const now = this.now();
    this.tokens = Math.min(this.burst, this.tokens + ((now - this.last) / 1_000) * this.rate);
    this.last = now;
    if (now - this.windowStart > 10_000) {
      this.windowStart = now;
      this.refused = 0;
    }
    if (this.tokens < 1) {
      this.refused += 1;
      return false;
    }
    this.tokens -= 1;
    return true;
  }
}

function commonPrefix(a: string, b: string): number {
  if (b.startsWith(a)) return a.length;
  let at = 0;
  while (at < a.length && at < b.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  return at;
}

/** Returns the smallest change that leads from one list of outputs to another; the lists share what did not change. */
export function diffOutputs(before: readonly Output[], after: readonly Output[]): FrameOp[] {
  let at = 0;
  while (at < before.length && at < after.length && before[at] === after[at]) at += 1;
  let end = 0;
  const most = Math.min(before.length, after.length) - at;
  while (end < most && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  const remove = before.length - at - end;
  const insert = after.slice(at, after.length - end);
  if (remove === 0 && insert.length === 0) return [];
  const [old, fresh] = [before[at], insert[0]];
  if (
    remove === 1 &&
    insert.length === 1 &&
    old !== undefined &&
    fresh !== undefined &&
    isStream(old) &&
    isStream(fresh)
  ) {
    if (old.id === fresh.id && old.name === fresh.name && old.parts === fresh.parts) {
      const keep = commonPrefix(old.text, fresh.text);
      return [{ op: 'text', at, keep, text: fresh.text.slice(keep) }];
    }
  }
  return [{ op: 'splice', at, remove, insert }];
}

/** Returns the list after the changes. */
export function applyOps(outputs: readonly Output[], ops: readonly FrameOp[]): Output[] {
  const list = [...outputs];
  for (const op of ops) {
    if (op.op === 'splice') {
      list.splice(op.at, op.remove, ...op.insert);
      continue;
    }
    const output = list[op.at];
    if (output === undefined || !isStream(output)) continue;
    list[op.at] = { ...output, text: output.text.slice(0, op.keep) + op.text };
  }
  return list;
}
