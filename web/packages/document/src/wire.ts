/** Frames of the room socket: the first byte is the lane (docs/protocols.md, section 1). */
export const Lane = { control: 0, events: 1, document: 2, presence: 3, comms: 4 } as const;
export const DocumentPart = { stateVector: 0, difference: 1, update: 2 } as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function jsonFrame(lane: number, body: unknown): Uint8Array<ArrayBuffer> {
  const text = encoder.encode(JSON.stringify(body));
  const frame = new Uint8Array(text.length + 1);
  frame[0] = lane;
  frame.set(text, 1);
  return frame;
}

export const readJson = (frame: Uint8Array): unknown => JSON.parse(decoder.decode(frame.subarray(1)));

/** `00` + state vector: "send me what I lack"; or `01` + update: the answer. */
export function syncFrame(part: number, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(body.length + 2);
  frame[0] = Lane.document;
  frame[1] = part;
  frame.set(body, 2);
  return frame;
}

/** `02` + ref + update, client to server. */
export function updateFrame(ref: number, update: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(update.length + 6);
  frame[0] = Lane.document;
  frame[1] = DocumentPart.update;
  new DataView(frame.buffer).setUint32(2, ref);
  frame.set(update, 6);
  return frame;
}

export type DocumentFrame =
  | { part: typeof DocumentPart.stateVector | typeof DocumentPart.difference; body: Uint8Array }
  | { part: typeof DocumentPart.update; seq: number; body: Uint8Array };

/** Reads a document frame of the server. Throws for an unknown part. */
export function readDocumentFrame(frame: Uint8Array): DocumentFrame {
  const part = frame[1];
  if (part === DocumentPart.stateVector || part === DocumentPart.difference) return { part, body: frame.subarray(2) };
  if (part !== DocumentPart.update) throw new Error(`Document frame ${part} is not known.`);
  const seq = Number(new DataView(frame.buffer, frame.byteOffset).getBigUint64(2));
  return { part, seq, body: frame.subarray(10) };
}
