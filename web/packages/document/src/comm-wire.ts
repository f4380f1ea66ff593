/** Frames of lane 4: a JSON header and the buffers it speaks of (docs/protocols.md, section 8). */
import { Lane } from './wire';

export interface CommContent {
  comm_id: string;
  target_name?: string;
  target_module?: string;
  data?: unknown;
}

export type CommKind = 'comm_open' | 'comm_msg' | 'comm_close';

/** What somebody's kernel said, or one of their pages that moved a widget. */
export interface CommHeader {
  type: CommKind;
  account_id: string;
  execution_id: string | null;
  content: CommContent;
  metadata?: Record<string, unknown>;
  /** One of the widgets that live, told to a page that has just come. */
  snapshot?: boolean;
}

export type CommsHeader = CommHeader | { type: 'comms_ready' } | { type: 'comms_gone'; account_id: string };

/** What a page says to its own account's kernel. */
export interface SentComm {
  type: CommKind;
  execution_id: string;
  content: CommContent;
  metadata: Readonly<Record<string, unknown>>;
  buffers: readonly ArrayBuffer[];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const HEAD = 5;

/** `04`, the header's length, the header, then the buffers one after another. */
export function commFrame(header: object, buffers: readonly ArrayBuffer[] = []): Uint8Array<ArrayBuffer> {
  const lengths = buffers.map((buffer) => buffer.byteLength);
  const text = encoder.encode(JSON.stringify(lengths.length > 0 ? { ...header, buffers: lengths } : header));
  const frame = new Uint8Array(lengths.reduce((sum, length) => sum + length, HEAD + text.length));
  frame[0] = Lane.comms;
  new DataView(frame.buffer).setUint32(1, text.length);
  frame.set(text, HEAD);
  let at = HEAD + text.length;
  for (const buffer of buffers) {
    frame.set(new Uint8Array(buffer), at);
    at += buffer.byteLength;
  }
  return frame;
}

/** Reads a frame of lane 4; the buffers are copies. Throws where the lengths do not fit. */
export function readCommFrame<Header extends object = CommsHeader>(
  frame: Uint8Array,
): { header: Header; buffers: ArrayBuffer[] } {
  const length = new DataView(frame.buffer, frame.byteOffset).getUint32(1);
  const { buffers: lengths = [], ...header } = JSON.parse(decoder.decode(frame.subarray(HEAD, HEAD + length))) as {
    buffers?: number[];
  };
  let at = HEAD + length;
  const buffers = lengths.map((size) => {
    const bytes = frame.slice(at, (at += size));
    if (bytes.length !== size) throw new Error('A comm frame is shorter than it says.');
    return bytes.buffer;
  });
  return { header: header as Header, buffers };
}
