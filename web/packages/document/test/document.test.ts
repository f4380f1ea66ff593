/* oxlint-disable typescript/no-non-null-assertion, import/no-named-as-default-member */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as Y from 'yjs';
import { compareKeys, EDIT, NotebookDocument, positionBetween, textDifference } from '../src';

const code = (source: string) => ({ kind: 'code' as const, source });
const sources = (doc: NotebookDocument) => doc.cellIds().map((id) => doc.source(id));

function notebook(...texts: string[]) {
  const doc = new NotebookDocument();
  const ids = doc.insert(texts.map(code), null);
  return { doc, ids };
}

describe('positions', () => {
  it('stay in order, whatever is inserted where', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 60 }), (places) => {
        const keys: string[] = [];
        for (const place of places) {
          const at = place % (keys.length + 1);
          keys.splice(at, 0, positionBetween(keys[at - 1] ?? null, keys[at] ?? null));
        }
        expect(keys.toSorted(compareKeys)).toEqual(keys);
        for (const key of keys) expect(key).toMatch(/^[0-9A-Za-z]*[1-9A-Za-z]$/);
      }),
    );
  });

  it('stay short while cells are appended', () => {
    let last: string | null = null;
    for (let at = 0; at < 1000; at++) last = positionBetween(last, null);
    expect(last?.length).toBeLessThan(12);
  });

  it('follow the rule of the server', () => {
    const suffix = () => 'abc';
    expect(positionBetween(null, null, suffix)).toBe('V000abc');
    expect(positionBetween('V000abc', null, suffix)).toBe('V001abc');
    expect(positionBetween(null, 'V000abc', suffix)).toBe('Uzzzabc');
    expect(positionBetween('V000abc', 'V001abc', suffix)).toBe('V0015abc');
    expect(positionBetween('zzzzabc', null, suffix)).toBe('zzzzabc1abc');
    expect(positionBetween('V', 'V1', suffix)).toBe('V0Vabc');
  });
});

describe('a document', () => {
  it('splits and merges, and takes each back in one step', () => {
    const { doc, ids } = notebook('a = 1\nb = 2');
    doc.split(ids[0]!, 6);
    expect(sources(doc)).toEqual(['a = 1', 'b = 2']);
    doc.merge(doc.cellIds());
    expect(sources(doc)).toEqual(['a = 1\nb = 2']);
    doc.undo();
    expect(sources(doc)).toEqual(['a = 1', 'b = 2']);
    doc.undo();
    expect(sources(doc)).toEqual(['a = 1\nb = 2']);
  });

  it('undoes an insertion into the bin, so that nothing typed in it is destroyed', () => {
    const { doc } = notebook('first');
    const [id] = doc.insert([code('')], doc.cellIds()[0]!);
    const peer = new Y.Doc();
    Y.applyUpdate(peer, Y.encodeStateAsUpdate(doc.ydoc));
    doc.undo();
    const theirs = (peer.getMap('cells').get(id!) as Y.Map<Y.Text>).get('source')!;
    theirs.insert(0, 'typed meanwhile');
    Y.applyUpdate(doc.ydoc, Y.encodeStateAsUpdate(peer));
    expect(doc.deletedIds()).toEqual([id]);
    doc.restore([id!]);
    expect(sources(doc)).toEqual(['first', 'typed meanwhile']);
    doc.undo();
    doc.redo();
    expect(sources(doc)).toEqual(['first', 'typed meanwhile']);
  });

  it('undoes only what this person did', () => {
    const { doc, ids } = notebook('mine');
    const peer = new Y.Doc();
    Y.applyUpdate(peer, Y.encodeStateAsUpdate(doc.ydoc));
    const theirs = (peer.getMap('cells').get(ids[0]!) as Y.Map<Y.Text>).get('source')!;
    doc.ydoc.transact(() => doc.text(ids[0]!)!.insert(4, '!'), EDIT);
    theirs.insert(0, 'theirs ');
    Y.applyUpdate(doc.ydoc, Y.encodeStateAsUpdate(peer));
    doc.undo();
    expect(sources(doc)).toEqual(['theirs mine']);
  });

  it('moves cells without touching their text, together and in order', () => {
    const { doc, ids } = notebook('a', 'b', 'c', 'd');
    const text = doc.text(ids[0]!);
    doc.move([ids[1]!, ids[0]!], ids[3]!);
    expect(sources(doc)).toEqual(['c', 'd', 'a', 'b']);
    expect(doc.text(ids[0]!)).toBe(text);
    doc.move([ids[3]!], null);
    expect(sources(doc)).toEqual(['d', 'c', 'a', 'b']);
  });

  it('replaces a source by the smallest change, and never cuts a character in two', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', '😀', '😁'), maxLength: 12 });
    fc.assert(
      fc.property(text, text, (before, after) => {
        const { from, to, insert } = textDifference(before, after);
        expect(before.slice(0, from) + insert + before.slice(to)).toBe(after);
        for (const part of [before.slice(0, from), insert, before.slice(to)])
          expect(new TextDecoder().decode(new TextEncoder().encode(part))).toBe(part);
      }),
    );
  });

  it('keeps the list of cells identical until it changes', () => {
    const { doc, ids } = notebook('a', 'b');
    const list = doc.cellIds();
    doc.replaceSource(ids[0]!, 'changed');
    expect(doc.cellIds()).toBe(list);
    doc.remove([ids[0]!]);
    expect(doc.cellIds()).toEqual([ids[1]]);
  });
});
