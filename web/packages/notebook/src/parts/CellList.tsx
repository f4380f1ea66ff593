/** The cells. React keeps the order in which it met them; what is seen and read is set on the elements themselves. */
import { useLayoutEffect, useRef, useState } from 'react';
import { Button, EmptyState, t } from '@labora/ui';
import { useCanEdit, useController, useDocument, useStore } from '../model/context';
import { Cell } from './Cell';
import { reveal } from './reveal';

type Movable = HTMLElement & { moveBefore?: (node: Node, before: Node | null) => void };

/** Cells in the order in which they were first seen: moving one never moves its element, which would reload its frame. */
function useStableOrder(ids: readonly string[]): readonly string[] {
  const [stable, setStable] = useState(ids);
  const present = new Set(ids);
  const known = new Set(stable);
  const next = stable.filter((id) => present.has(id));
  const added = ids.filter((id) => !known.has(id));
  if (added.length === 0 && next.length === stable.length) return stable;
  const merged = [...next, ...added];
  setStable(merged);
  return merged;
}

function moveAlive(list: Movable, element: Element, before: Element | null): void {
  const focused = document.activeElement;
  list.moveBefore?.(element, before);
  // Firefox leaves the focus on an editor that was moved but takes the caret away: what is typed then is lost.
  if (focused instanceof HTMLElement && element.contains(focused)) {
    focused.blur();
    focused.focus({ preventScroll: true });
  }
}

function arrange(list: Movable, ids: readonly string[], kindOf: (id: string) => string): void {
  const elements = new Map<string, HTMLElement>();
  for (const child of list.children) if (child instanceof HTMLElement) elements.set(child.dataset['cell'] ?? '', child);
  let previous: Element | null = null;
  for (const [index, id] of ids.entries()) {
    const element = elements.get(id);
    if (!element) continue;
    const order = String(index);
    if (element.style.order !== order) element.style.order = order;
    const label = t('notebook.cellLabel', { kind: t(`notebook.kinds.${kindOf(id)}`), index: index + 1 });
    if (element.getAttribute('aria-label') !== label) element.setAttribute('aria-label', label);
    // Where the browser can move an element with its frames alive, the order of reading follows the order seen.
    const before: Element | null = previous ? previous.nextElementSibling : list.firstElementChild;
    if (before !== element && list.moveBefore) moveAlive(list, element, before);
    previous = element;
  }
}

export function CellList() {
  const controller = useController();
  const { doc } = controller;
  const editable = useCanEdit();
  const ids = useDocument('order', doc.cellIds);
  const stable = useStableOrder(ids);
  const list = useRef<HTMLDivElement>(null);

  useLayoutEffect(() => {
    if (list.current) arrange(list.current, ids, (id) => doc.cell(id)?.kind ?? 'raw');
    // oxlint-disable-next-line react/exhaustive-effect-dependencies -- their change means other elements
  }, [ids, stable, doc]);

  const revealed = useStore(controller.ui.revealed);
  useLayoutEffect(() => {
    if (!revealed) return;
    const cell = list.current?.querySelector(`[data-cell="${CSS.escape(revealed.id)}"]`);
    if (cell) reveal(cell);
  }, [revealed]);

  if (ids.length === 0) {
    const actions = editable ? (
      <>
        <Button icon="code" variant="primary" onClick={() => controller.insert('code', null)}>
          {t('notebook.addCode')}
        </Button>
        <Button icon="text_fields" onClick={() => controller.insert('markdown', null)}>
          {t('notebook.addText')}
        </Button>
      </>
    ) : null;
    return (
      <EmptyState icon="science" title={t('notebook.emptyTitle')} actions={actions}>
        {editable && t('notebook.emptyBody')}
      </EmptyState>
    );
  }
  return (
    <div className="nb-cells" ref={list}>
      {stable.map((id) => (
        <Cell key={`${doc.generation}:${id}`} cellId={id} />
      ))}
    </div>
  );
}
