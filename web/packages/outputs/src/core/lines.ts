/** The lines of a stream: whole lines in blobs, fetched when wanted, then the inline tail. No DOM here. */
import { type StreamOutput, type StreamPart } from './types';

/** How many parts (64 KiB each) stay in memory per stream. */
const KEPT_PARTS = 32;

export type ReadPart = (part: StreamPart) => Promise<string>;

/** Splits a text into lines; a line feed at its end does not open another line. */
export function splitLines(text: string): string[] {
  if (text === '') return [];
  const lines = text.split('\n');
  if (lines[lines.length - 1] === '') lines.pop();
  return lines;
}

export class StreamLines {
  private parts: readonly StreamPart[] = [];
  private starts: number[] = [];
  private tailStart = 0;
  private tailText = '';
  private tail: string[] = [];
  private readonly cache = new Map<string, string[]>();
  private readonly pending = new Map<string, Promise<void>>();

  constructor(private readonly read: ReadPart) {}

  set(output: StreamOutput): void {
    const parts = output.parts ?? [];
    if (parts !== this.parts) {
      this.parts = parts;
      this.starts = [];
      this.tailStart = 0;
      for (const part of parts) {
        this.starts.push(this.tailStart);
        this.tailStart += part.lines;
      }
    }
    if (output.text !== this.tailText) {
      this.tailText = output.text;
      this.tail = splitLines(output.text);
    }
  }

  get count(): number {
    return this.tailStart + this.tail.length;
  }

  /** Size in bytes of the parts, plus the tail's characters. */
  get size(): number {
    return this.parts.reduce((sum, part) => sum + part.size, this.tailText.length);
  }

  private partAt(line: number): number {
    let low = 0;
    let high = this.parts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.starts[middle] ?? 0) <= line) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private indexes(from: number, to: number): number[] {
    if (this.parts.length === 0 || from >= this.tailStart || to <= from) return [];
    const last = this.partAt(Math.min(to, this.tailStart) - 1);
    const indexes = [];
    for (let index = this.partAt(from); index <= last; index += 1) indexes.push(index);
    return indexes;
  }

  /** Returns lines `from` up to `to`; undefined stands for a line whose part is not here yet. */
  get(from: number, to: number): (string | undefined)[] {
    const lines: (string | undefined)[] = [];
    for (const index of this.indexes(from, to)) {
      const start = this.starts[index] ?? 0;
      const count = this.parts[index]?.lines ?? 0;
      const found = this.cache.get(this.parts[index]?.sha256 ?? '');
      for (let line = Math.max(from, start); line < Math.min(to, start + count); line += 1) {
        lines.push(found === undefined ? undefined : (found[line - start] ?? ''));
      }
    }
    for (let line = Math.max(from, this.tailStart); line < Math.min(to, this.count); line += 1) {
      lines.push(this.tail[line - this.tailStart] ?? '');
    }
    return lines;
  }

  /** Returns null when the lines are here, else a promise of their being here; it rejects when a part cannot be read. */
  ensure(from: number, to: number): Promise<unknown> | null {
    const wanted = this.indexes(from, to).flatMap((index) => {
      const part = this.parts[index];
      if (part === undefined) return [];
      const found = this.cache.get(part.sha256);
      if (found === undefined) return [this.fetch(part)];
      this.cache.delete(part.sha256);
      this.cache.set(part.sha256, found);
      return [];
    });
    return wanted.length === 0 ? null : Promise.all(wanted);
  }

  private fetch(part: StreamPart): Promise<void> {
    const running = this.pending.get(part.sha256);
    if (running !== undefined) return running;
    const reading = this.readInto(part).finally(() => this.pending.delete(part.sha256));
    this.pending.set(part.sha256, reading);
    return reading;
  }

  private async readInto(part: StreamPart): Promise<void> {
    this.cache.set(part.sha256, splitLines(await this.read(part)));
    for (const key of this.cache.keys()) {
      if (this.cache.size <= KEPT_PARTS) break;
      this.cache.delete(key);
    }
  }

  /** Returns the whole text, reading what is not here. */
  async text(): Promise<string> {
    const pieces = await Promise.all(this.parts.map((part) => this.read(part)));
    return pieces.join('') + this.tailText;
  }
}
