/* oxlint-disable typescript/no-non-null-assertion, import/no-named-as-default-member */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { applyEvent, type Output, RoomStore, type RoomEvent, type RoomState } from '../src';

interface Vector {
  name: string;
  before: RoomState;
  events: RoomEvent[];
  after: RoomState;
}

const file = new URL('../../../../tests/vectors/events.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vector[];

describe('events', () => {
  it.each(vectors.map((vector) => [vector.name, vector] as const))('%s', (_name, { before, events, after }) => {
    const given = JSON.stringify(before);
    expect(events.reduce(applyEvent, before)).toEqual(after);
    expect(JSON.stringify(before)).toBe(given);
  });

  it.each(vectors.map((vector) => [vector.name, vector] as const))('the store ends the same: %s', (_name, vector) => {
    const store = new RoomStore();
    store.replace(vector.before);
    store.apply(vector.events);
    expect(store.state).toEqual(vector.after);
  });

  it('an unknown event is not passed over', () => {
    expect(() => applyEvent(vectors[0]!.before, { type: 'surprise' } as never)).toThrow('surprise');
  });

  it('an output draws its own cell and no other', () => {
    const store = new RoomStore();
    const drawn: string[] = [];
    for (const cell of ['a', 'b']) store.on(`cell:${cell}`, () => drawn.push(cell));
    const output: Output = { id: 'o', output_type: 'stream', name: 'stdout', parts: [], text: 'hi' };
    store.apply([{ type: 'outputs', cell_id: 'a', ops: [{ op: 'splice', at: 0, remove: 0, insert: [output] }] }]);
    expect(drawn).toEqual(['a']);
    expect(store.cell('a').state?.outputs).toEqual([output]);
  });
});
