import { describe, expect, it } from 'vitest';
import { asked, stored, written } from './mentions';

const bob = { id: 'b1', name: 'Bob' };
const bobby = { id: 'b2', name: 'Bob Smith' };

describe('mentions', () => {
  it('are written as names and stored with who is meant', () => {
    const text = 'Hi @Bob Smith, ask @Bob. mail@Bob and @Bobcat are nobody';
    const kept = 'Hi @[Bob Smith](account:b2), ask @[Bob](account:b1). mail@Bob and @Bobcat are nobody';
    expect(stored(text, [bob, bobby])).toBe(kept);
    expect(written(kept)).toEqual({ text, people: [bobby, bob] });
  });

  it('cannot be broken out of by a name', () => {
    const odd = { id: 'x', name: 'A](account:b1) [B' };
    expect(stored(`@${odd.name}`, [odd])).toBe('@[A (account:b1)  B](account:x)');
  });

  it('are asked for after an @ at the beginning of a word', () => {
    expect(asked('see @Bo', 7)).toEqual({ from: 4, name: 'Bo' });
    expect(asked('@', 1)).toEqual({ from: 0, name: '' });
    expect(asked('@Bob Smi', 8)).toEqual({ from: 0, name: 'Bob Smi' });
    expect(asked('bob@home', 8)).toBeNull();
    expect(asked('see @Bo and so', 14)).toBeNull();
  });
});
