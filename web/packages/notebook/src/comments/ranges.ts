/** Ranges that comments speak of, in an editor; and the button that begins one on what is selected. */
import { type Extension, RangeSetBuilder, StateEffect, StateField } from '@codemirror/state';
import { Decoration, type DecorationSet, EditorView, showTooltip, type Tooltip, ViewPlugin } from '@codemirror/view';
import { t } from '@labora/ui';
import type * as Y from 'yjs';
import type { NotebookController } from '../model/controller';

const setRanges = StateEffect.define<DecorationSet>();

const decorations = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(value, transaction) {
    let next = value.map(transaction.changes);
    for (const effect of transaction.effects) if (effect.is(setRanges)) next = effect.value;
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

function draw(controller: NotebookController, cellId: string, length: number): DecorationSet {
  const { comments } = controller;
  const drafting = comments.drafting.get();
  const own = drafting?.cellId === cellId ? drafting : null;
  const active = comments.active.get();
  const builder = new RangeSetBuilder<Decoration>();
  const ranges = comments.ranges(comments.ofCell(cellId), own).filter(({ to }) => to <= length);
  for (const { from, to, id } of ranges.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    const mark = id === active || id === '' ? 'nb-comment-range nb-comment-range-active' : 'nb-comment-range';
    builder.add(from, to, Decoration.mark({ class: mark, attributes: { 'data-range': id } }));
  }
  return builder.finish();
}

/** Beside the selection, for a mouse or a finger; the keyboard has its shortcut. */
function selectionButton(controller: NotebookController, cellId: string): Extension {
  const create: Tooltip['create'] = () => {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'nb-comment-here';
    button.textContent = t('comments.add');
    button.tabIndex = -1;
    // Pressing it leaves the selection as it is.
    button.addEventListener('pointerdown', (event) => event.preventDefault());
    button.addEventListener('mousedown', (event) => event.preventDefault());
    button.addEventListener('click', () => controller.comments.begin(cellId));
    return { dom: button };
  };
  return StateField.define<Tooltip | null>({
    create: () => null,
    update(value, { docChanged, selection, state }) {
      if (!docChanged && !selection) return value;
      const { main } = state.selection;
      if (main.empty || !controller.comments.canComment) return null;
      return { pos: main.to, above: false, strictSide: false, create };
    },
    provide: (field) => showTooltip.from(field),
  });
}

export function commentRanges(controller: NotebookController, cellId: string, text: Y.Text): Extension {
  const plugin = ViewPlugin.define((view) => {
    let waits = false;
    let ended = false;
    let shown = false;
    const show = () => {
      waits = false;
      if (ended || !text.doc) return;
      const set = draw(controller, cellId, view.state.doc.length);
      if (set.size === 0 && !shown) return;
      shown = set.size > 0;
      view.dispatch({ effects: setRanges.of(set) });
    };
    const soon = () => {
      if (!waits) queueMicrotask(show);
      waits = true;
    };
    const { comments, room } = controller;
    const stops = [room.on('comments', soon), comments.drafting.subscribe(soon), comments.active.subscribe(soon)];
    soon();
    return {
      update: (update) => {
        if (update.docChanged) soon();
      },
      destroy: () => {
        ended = true;
        for (const stop of stops) stop();
      },
    };
  });
  const look = EditorView.domEventHandlers({
    click(event) {
      const range = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-range]') : null;
      const id = range?.dataset['range'];
      if (id) controller.comments.active.set(id);
      return false;
    },
  });
  return [decorations, plugin, look, selectionButton(controller, cellId)];
}
