import { describe, expect, test } from 'vitest';
import { applyOps, diffOutputs, HEIGHT_MAXIMUM, parseFrameMessage, RateLimit } from '../src/core/protocol';
import { type Output, type StreamOutput } from '../src/core/types';

/** A small generator with a seed: the same inputs in every run. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const stream = (id: string, text: string, parts: StreamOutput['parts'] = []): StreamOutput => ({
  id,
  output_type: 'stream',
  name: 'stdout',
  parts,
  text,
});

describe('parseFrameMessage', () => {
  test('passes what fits, with bounds', () => {
    expect(parseFrameMessage({ t: 'height', px: 12.2 })).toEqual({ t: 'height', px: 13 });
    expect(parseFrameMessage({ t: 'height', px: 1e7 })).toEqual({ t: 'height', px: HEIGHT_MAXIMUM });
    expect(parseFrameMessage({ t: 'key', key: 'Enter', ctrl: true, extra: 1 })).toEqual({
      t: 'key', key: 'Enter', ctrl: true, shift: false, alt: false, meta: false,
    }); // prettier-ignore
    const blob = { sha256: 'a'.repeat(64), size: 3, media_type: 'image/png' };
    expect(parseFrameMessage({ t: 'blob', request: 1, blob })).toEqual({ t: 'blob', request: 1, blob });
  });

  test('test_sec_28 junk is dropped', () => {
    const deep: Record<string, unknown> = {};
    let at = deep;
    for (let depth = 0; depth < 10_000; depth += 1) at = at['t'] = {} as Record<string, unknown>;
    const junk: unknown[] = [
      null, undefined, 0, 'height', [], [{ t: 'height', px: 1 }], {}, { t: 'nothing' }, { t: null }, deep,
      { t: 'height' }, { t: 'height', px: '12' }, { t: 'height', px: NaN }, { t: 'height', px: Infinity }, { t: 'height', px: -1 },
      { t: 'key', key: 'a' }, { t: 'key', key: { toString: () => 'Enter' } }, { t: 'text', request: -1, text: '' },
      { t: 'text', request: 1, text: 'x'.repeat(17 * 1024 * 1024) }, { t: 'text', request: 1.5, text: 'x' },
      { t: 'blob', request: 1, blob: { sha256: '../../me', size: 1, media_type: 'x' } },
      { t: 'blob', request: 1, blob: { sha256: 'A'.repeat(64), size: 1, media_type: 'x' } },
      { t: 'blob', request: 1, blob: null }, JSON.parse('{"__proto__":{"t":"height","px":5}}'),
      Object.create({ t: 'height', px: 5 }), new Map([['t', 'height']]),
    ]; // prettier-ignore
    for (const value of junk) expect(parseFrameMessage(value)).toBeNull();
    expect(({} as Record<string, unknown>)['px']).toBeUndefined();
  });
});

describe('RateLimit', () => {
  test('lets the burst through, then the rate, and counts what it refuses', () => {
    let now = 0;
    const limit = new RateLimit(10, 5, () => now);
    expect(Array.from({ length: 8 }, () => limit.take())).toEqual([true, true, true, true, true, false, false, false]);
    expect(limit.refused).toBe(3);
    now = 100;
    expect([limit.take(), limit.take()]).toEqual([true, false]);
    now = 100_000;
    expect(limit.take()).toBe(true);
    expect(limit.refused).toBe(0);
    expect(Array.from({ length: 6 }, () => limit.take()).filter(Boolean)).toHaveLength(4);
  });
});

describe('diffOutputs', () => {
  test('an append is sent as what was appended', () => {
    const parts: StreamOutput['parts'] = [];
    const before = [stream('a', 'one\n', parts), stream('b', 'x', parts)];
    const after = [before[0] as Output, stream('b', 'xyz', parts)];
    expect(diffOutputs(before, after)).toEqual([{ op: 'text', at: 1, keep: 1, text: 'yz' }]);
  });

  test('a change of one display replaces that one only', () => {
    const list = ['a', 'b', 'c'].map((id) => stream(id, id));
    const fresh = { id: 'b', output_type: 'display_data', data: { 'text/plain': '2' } } as Output;
    expect(diffOutputs(list, [list[0] as Output, fresh, list[2] as Output])).toEqual([
      { op: 'splice', at: 1, remove: 1, insert: [fresh] },
    ]);
    expect(diffOutputs(list, list)).toEqual([]);
  });

  test('what the frame makes of it is the list that the page has, for any change', () => {
    for (let seed = 1; seed <= 500; seed += 1) {
      const below = random(seed);
      const parts: StreamOutput['parts'] = [];
      const make = () =>
        stream(String(below(6)), 'ab\n'.repeat(below(4)) + 'c'.repeat(below(3)), below(5) === 0 ? [] : parts);
      let page: Output[] = Array.from({ length: below(6) }, make);
      let frame: Output[] = structuredClone(page);
      for (let step = 0; step < 6; step += 1) {
        const next = [...page];
        const at = below(next.length + 1);
        const old = next[at];
        if (below(2) === 0 || old === undefined) next.splice(at, below(3), ...Array.from({ length: below(3) }, make));
        else
          next[at] = {
            ...(old as StreamOutput),
            text: `${(old as StreamOutput).text.slice(0, below(9))}${below(100)}`,
          };
        frame = applyOps(frame, structuredClone(diffOutputs(page, next)));
        page = next;
        expect(frame, `seed ${seed}`).toEqual(page);
      }
    }
  });
});
