/* oxlint-disable typescript/no-non-null-assertion, import/no-named-as-default-member */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as Y from 'yjs';
import { EDIT, makeAnchor, NotebookDocument, resolveAnchor, type TextRange } from '../src';

function cell(source: string) {
  const doc = new NotebookDocument();
  const [id] = doc.insert([{ kind: 'code', source }], null);
  return { doc, id: id!, text: doc.text(id!)! };
}

const at = (text: Y.Text, range: TextRange | null) => (range ? text.toString().slice(range.from, range.to) : null);
const edit = (text: Y.Text, change: () => void) => text.doc!.transact(change, EDIT);

/** Where a character was when the range was made: its index, or null for one that was typed later. */
type Sign = number | null;
const edits = fc.array(
  fc.record({ at: fc.nat(), remove: fc.nat({ max: 6 }), insert: fc.string({ maxLength: 4, unit: 'grapheme-ascii' }) }),
  { maxLength: 25 },
);

describe('an anchor', () => {
  it('holds what is left of its range and nothing that was outside; what is typed at its edges stays outside', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.nat(), fc.nat(), edits, (size, a, b, changes) => {
        const { text } = cell('x'.repeat(size));
        const from = a % size;
        const to = from + 1 + (b % (size - from));
        const anchor = makeAnchor(text, { from, to });
        const model: Sign[] = Array.from({ length: size }, (_, index) => index);
        for (const { at: place, remove, insert } of changes) {
          const index = place % (model.length + 1);
          const count = Math.min(remove, model.length - index);
          edit(text, () => {
            if (count) text.delete(index, count);
            if (insert) text.insert(index, insert);
          });
          model.splice(index, count, ...Array.from(insert, () => null));
        }
        const range = resolveAnchor(text, anchor, '');
        const inside = (sign: Sign) => sign !== null && sign >= from && sign < to;
        const held = model.slice(range?.from ?? 0, range?.to ?? 0);
        expect(held.filter((sign) => sign !== null)).toEqual(model.filter(inside));
        if (model.includes(from)) expect(held[0]).toBe(from);
        if (model.includes(to - 1)) expect(held.at(-1)).toBe(to - 1);
      }),
    );
  });

  it('is the same on every page, whoever made the edits', () => {
    fc.assert(
      fc.property(edits, edits, (mine, theirs) => {
        const { doc, id, text } = cell('the quick brown fox jumps');
        const anchor = makeAnchor(text, { from: 4, to: 15 });
        const other = new NotebookDocument();
        Y.applyUpdate(other.ydoc, Y.encodeStateAsUpdate(doc.ydoc));
        for (const [target, changes] of [
          [text, mine],
          [other.text(id)!, theirs],
        ] as const)
          // prettier-ignore
          for (const { at: place, remove, insert } of changes) {
            const index = place % (target.length + 1);
            edit(target, () => {
              target.delete(index, Math.min(remove, target.length - index));
              target.insert(index, insert);
            });
          }
        Y.applyUpdate(other.ydoc, Y.encodeStateAsUpdate(doc.ydoc));
        Y.applyUpdate(doc.ydoc, Y.encodeStateAsUpdate(other.ydoc));
        const quote = 'quick brown';
        expect(resolveAnchor(other.text(id)!, anchor, quote)).toEqual(resolveAnchor(text, anchor, quote));
      }),
    );
  });

  it('loses its text and finds it again after undo, here and on other pages', () => {
    const { doc, id, text } = cell('a = 1\nb = a + 1\nc = 2');
    const anchor = makeAnchor(text, { from: 6, to: 15 });
    doc.edit(() => text.delete(4, 13));
    expect(resolveAnchor(text, anchor, 'b = a + 1')).toBeNull();
    doc.undo();
    expect(at(text, resolveAnchor(text, anchor, 'b = a + 1'))).toBe('b = a + 1');
    const late = new NotebookDocument();
    Y.applyUpdate(late.ydoc, Y.encodeStateAsUpdate(doc.ydoc));
    expect(at(late.text(id)!, resolveAnchor(late.text(id)!, anchor, 'b = a + 1'))).toBe('b = a + 1');
  });

  it('finds the nearest of several texts like its own', () => {
    const { text } = cell('x = 1; x = 1; x = 1');
    const anchor = makeAnchor(text, { from: 7, to: 12 });
    edit(text, () => text.delete(7, 5));
    edit(text, () => text.insert(7, 'x = 1'));
    expect(resolveAnchor(text, anchor, 'x = 1')).toEqual({ from: 7, to: 12 });
  });

  it('of another history or of nonsense is found by its quote, or not at all', () => {
    const { text } = cell('total = 3');
    const foreign = makeAnchor(cell('total = 3').text, { from: 0, to: 5 });
    expect(at(text, resolveAnchor(text, foreign, 'total'))).toBe('total');
    for (const broken of ['', '!', 'AAAA', btoa('\x03')])
      expect(resolveAnchor(text, { start: broken, end: broken }, 'gone')).toBeNull();
  });
});
