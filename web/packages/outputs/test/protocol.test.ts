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
    const picture = new Blob(['x']);
    expect(parseFrameMessage({ t: 'picture', request: 1, picture })).toEqual({ t: 'picture', request: 1, picture });
    expect(parseFrameMessage({ t: 'picture', request: 1, picture: 'x' })).toMatchObject({ picture: null });
  });

  test('reads what a live output sends, as plain copies', () => {
    const args = { name: 'f', args: [1, 'a', { b: null, f: () => 1 }], at: NaN };
    expect(parseFrameMessage({ t: 'ask', request: 3, verb: 'call', args: { ...args, args: [1, 'a'] } })).toEqual({
      t: 'ask', request: 3, verb: 'call', args: { name: 'f', args: [1, 'a'], at: null }, files: [],
    }); // prettier-ignore
    const file = new Blob(['x']);
    expect(parseFrameMessage({ t: 'ask', request: 3, verb: 'files', args: {}, files: [file] })).toMatchObject({
      files: [file],
    });
    expect(parseFrameMessage({ t: 'ask', request: 3, verb: 'call', args: {}, files: [file] })).toMatchObject({
      files: [],
    });
    expect(parseFrameMessage({ t: 'done', request: 0, ok: true, value: [1] })).toEqual({
      t: 'done', request: 0, ok: true, value: [1],
    }); // prettier-ignore
    expect(parseFrameMessage({ t: 'done', request: 0, ok: false, message: 'x'.repeat(20_000) })).toMatchObject({
      message: 'x'.repeat(10_000),
    });
    const buffers = [new ArrayBuffer(3)];
    const message = { type: 'comm_msg', content: { comm_id: 'c', data: { n: 1 } }, metadata: {}, buffers };
    expect(parseFrameMessage({ t: 'comm', message })).toEqual({ t: 'comm', message });
  });

  test('test_sec_28 what a live output may send is bounded', () => {
    const deep: unknown[] = [];
    let at = deep;
    for (let depth = 0; depth < 5_000; depth += 1) {
      const inner: unknown[] = [];
      at.push(inner);
      at = inner;
    }
    const round: Record<string, unknown> = {};
    round['self'] = round;
    const ask = (more: object) => parseFrameMessage({ t: 'ask', request: 1, verb: 'call', args: {}, ...more });
    expect(ask({ verb: 'cookies' })).toBeNull();
    expect(ask({ verb: '__proto__' })).toBeNull();
    expect(ask({ args: { deep } })).toBeNull();
    expect(ask({ args: round })).toBeNull();
    expect(ask({ args: { long: 'x'.repeat(17 * 1024 * 1024) } })).toBeNull();
    expect(ask({ args: { many: Array.from({ length: 600_000 }, () => 0) } })).toBeNull();
    expect(ask({ args: [] })).toBeNull();
    expect(ask({ request: 1.5 })).toBeNull();
    expect(ask({ verb: 'files', files: ['x'] })).toBeNull();
    expect(parseFrameMessage({ t: 'done', request: 1, ok: true, value: round })).toMatchObject({ ok: false });
    const comm = (message: unknown) => parseFrameMessage({ t: 'comm', message });
    const content = { comm_id: 'c', data: {} };
    expect(comm({ type: 'comms_gone', content })).toBeNull();
    expect(comm({ type: 'comm_open', content })).toBeNull();
    expect(comm({ type: 'comm_msg', content: { comm_id: 'x'.repeat(2_000) } })).toBeNull();
    expect(comm({ type: 'comm_msg', content, buffers: [new Uint8Array(1)] })).toBeNull();
    expect(comm({ type: 'comm_msg', content, buffers: [new ArrayBuffer(65 * 1024 * 1024)] })).toBeNull();
    const forged = ask({ args: JSON.parse('{"__proto__":{"admin":true}}') as object });
    expect(forged).not.toBeNull();
    expect((forged as unknown as { args: Record<string, unknown> }).args['admin']).toBeUndefined();
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
