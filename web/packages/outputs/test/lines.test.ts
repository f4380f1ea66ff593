import { describe, expect, test } from 'vitest';
import { scrolledLine } from '../src/core/line-window';
import { splitLines, StreamLines } from '../src/core/lines';
import { type StreamOutput } from '../src/core/types';

const text = (from: number, to: number) =>
  Array.from({ length: to - from }, (_none, at) => `line ${from + at}\n`).join('');

function example(): { lines: StreamLines; read: string[] } {
  const read: string[] = [];
  const lines = new StreamLines(async (part) => {
    read.push(part.sha256);
    const at = Number(part.sha256);
    return text(at * 100, at * 100 + 100);
  });
  const parts = [0, 1, 2].map((at) => ({ sha256: String(at), size: 1_000, lines: 100 }));
  const output: StreamOutput = {
    id: 'a',
    output_type: 'stream',
    name: 'stdout',
    parts,
    text: text(300, 305) + 'unfinished',
  };
  lines.set(output);
  return { lines, read };
}

test('splitLines opens no line after the last line feed', () => {
  expect(splitLines('')).toEqual([]);
  expect(splitLines('a\n')).toEqual(['a']);
  expect(splitLines('a\n\nb')).toEqual(['a', '', 'b']);
});

describe('StreamLines', () => {
  test('counts without reading and reads only the parts that are wanted', async () => {
    const { lines, read } = example();
    expect(lines.count).toBe(306);
    expect(lines.get(298, 303)).toEqual([undefined, undefined, 'line 300', 'line 301', 'line 302']);
    await lines.ensure(150, 160);
    expect(read).toEqual(['1']);
    expect(lines.get(149, 152)).toEqual(['line 149', 'line 150', 'line 151']);
    expect(lines.ensure(100, 200)).toBeNull();
    expect(lines.get(305, 400)).toEqual(['unfinished']);
  });

  test('asks for a part once while it is on its way, and again after a failure', async () => {
    let asked = 0;
    const lines = new StreamLines(() => {
      asked += 1;
      return asked === 1 ? Promise.reject(new Error('offline')) : Promise.resolve('a\n');
    });
    lines.set({
      id: 'a',
      output_type: 'stream',
      name: 'stdout',
      parts: [{ sha256: 'x', size: 2, lines: 1 }],
      text: '',
    });
    const both = Promise.allSettled([lines.ensure(0, 1), lines.ensure(0, 1)]);
    expect((await both).map((result) => result.status)).toEqual(['rejected', 'rejected']);
    expect(asked).toBe(1);
    await lines.ensure(0, 1);
    expect(lines.get(0, 1)).toEqual(['a']);
  });

  test('the whole text is the parts and then the tail', async () => {
    const { lines } = example();
    expect(await lines.text()).toBe(text(0, 305) + 'unfinished');
  });
});

describe('scrolledLine', () => {
  test('every line can be reached, however many there are', () => {
    for (const count of [10, 1_000, 1_000_000, 50_000_000]) {
      const { height } = scrolledLine(count, 18, 500, 0);
      expect(height).toBeLessThanOrEqual(8_000_000);
      expect(scrolledLine(count, 18, 500, 0).line).toBe(0);
      const last = scrolledLine(count, 18, 500, height - 500);
      if (count > 100) expect(last.line + Math.ceil(500 / 18)).toBeGreaterThanOrEqual(count - 1);
    }
  });
});
