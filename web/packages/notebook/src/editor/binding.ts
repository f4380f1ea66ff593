/** Holds a CodeMirror editor and a Y.Text together. */
import { Annotation, type Extension, type TransactionSpec } from '@codemirror/state';
import { type EditorView, ViewPlugin, type ViewUpdate } from '@codemirror/view';
import { EDIT } from '@labora/document';
import type * as Y from 'yjs';

const fromDocument = Annotation.define<boolean>();

class Binding {
  readonly #view: EditorView;
  readonly #text: Y.Text;
  /** We are writing ourselves: the editor has this change already. */
  #writing = false;

  constructor(view: EditorView, text: Y.Text) {
    this.#view = view;
    this.#text = text;
    text.observe(this.#observe);
  }

  readonly #observe = (event: Y.YTextEvent): void => {
    if (this.#writing) return;
    const changes: { from: number; to: number; insert: string }[] = [];
    let at = 0;
    for (const part of event.delta) {
      if (part.retain !== undefined) at += part.retain;
      else if (part.insert !== undefined) changes.push({ from: at, to: at, insert: String(part.insert) });
      else if (part.delete !== undefined) {
        changes.push({ from: at, to: at + part.delete, insert: '' });
        at += part.delete;
      }
    }
    this.#view.dispatch({ changes, annotations: fromDocument.of(true) } satisfies TransactionSpec);
  };

  update(update: ViewUpdate): void {
    const own = update.transactions.some((one) => one.annotation(fromDocument) === true);
    if (!update.docChanged || own) return;
    this.#writing = true;
    try {
      this.#text.doc?.transact(() => {
        let shift = 0;
        update.changes.iterChanges((from, to, _fromB, _toB, inserted) => {
          const insert = inserted.sliceString(0, undefined, '\n');
          if (to > from) this.#text.delete(from + shift, to - from);
          if (insert) this.#text.insert(from + shift, insert);
          shift += insert.length - (to - from);
        });
      }, EDIT);
    } finally {
      this.#writing = false;
    }
  }

  destroy(): void {
    this.#text.unobserve(this.#observe);
  }
}

export const bindText = (text: Y.Text): Extension => ViewPlugin.define((view) => new Binding(view, text));
