/** Carets and selections of others in an editor, with their names and colours. */
import { type Extension, RangeSetBuilder, StateEffect, StateField } from '@codemirror/state';
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate, WidgetType } from '@codemirror/view';
import type { PresentClient } from '@labora/document';
import * as Y from 'yjs';
import type { NotebookController } from '../model/controller';

class Caret extends WidgetType {
  constructor(
    readonly name: string,
    readonly color: number,
  ) {
    super();
  }

  override eq(other: Caret): boolean {
    return other.name === this.name && other.color === this.color;
  }

  override toDOM(): HTMLElement {
    const caret = document.createElement('span');
    caret.className = 'nb-caret';
    caret.style.setProperty('--who', `var(--presence-${this.color % 12})`);
    const label = caret.appendChild(document.createElement('span'));
    label.className = 'nb-caret-name';
    label.textContent = this.name;
    caret.setAttribute('aria-hidden', 'true');
    return caret;
  }

  override ignoreEvent(): boolean {
    return true;
  }
}

const setPeople = StateEffect.define<DecorationSet>();

const decorations = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(value, transaction) {
    let next = value.map(transaction.changes);
    for (const effect of transaction.effects) if (effect.is(setPeople)) next = effect.value;
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

function offset(position: unknown, text: Y.Text): number | null {
  if (!position || !text.doc) return null;
  try {
    const relative = Y.createRelativePositionFromJSON(position);
    const absolute = Y.createAbsolutePositionFromRelativePosition(relative, text.doc);
    return absolute?.type === text ? absolute.index : null;
  } catch {
    return null;
  }
}

function draw(clients: readonly PresentClient[], text: Y.Text, length: number): DecorationSet {
  const ranges: { from: number; to: number; value: Decoration }[] = [];
  for (const { account, state } of clients) {
    const [anchor, head] = [offset(state?.anchor, text), offset(state?.head, text)];
    if (anchor === null || head === null || Math.max(anchor, head) > length) continue;
    if (anchor !== head) {
      const attributes = { style: `--who: var(--presence-${account.color % 12})` };
      const value = Decoration.mark({ class: 'nb-peer-selection', attributes });
      ranges.push({ from: Math.min(anchor, head), to: Math.max(anchor, head), value });
    }
    ranges.push({
      from: head,
      to: head,
      value: Decoration.widget({ widget: new Caret(account.name, account.color), side: 1 }),
    });
  }
  const builder = new RangeSetBuilder<Decoration>();
  ranges.sort((a, b) => a.from - b.from || a.value.startSide - b.value.startSide);
  for (const { from, to, value } of ranges) builder.add(from, to, value);
  return builder.finish();
}

/** Shows the others in this cell, and tells them where our caret is. */
export function sharedCursors(controller: NotebookController, cellId: string, text: Y.Text): Extension {
  const plugin = ViewPlugin.define((view) => {
    const show = () => {
      const set = draw(controller.people.inCell(cellId), text, view.state.doc.length);
      view.dispatch({ effects: setPeople.of(set) });
    };
    const stop = controller.people.onCell(cellId, show);
    queueMicrotask(() => view.dom.isConnected && show());
    return {
      update(update: ViewUpdate) {
        if (!update.view.hasFocus || !(update.selectionSet || update.focusChanged || update.docChanged)) return;
        const { anchor, head } = update.state.selection.main;
        const at = (index: number) =>
          Y.relativePositionToJSON(Y.createRelativePositionFromTypeIndex(text, index)) as unknown;
        controller.client.presence.update({ cell_id: cellId, anchor: at(anchor), head: at(head) });
      },
      destroy: stop,
    };
  });
  return [decorations, plugin];
}
