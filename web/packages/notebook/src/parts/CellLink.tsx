/** A link to a cell: `#cell=<id>`, or `#scrollTo=<id>` as others write it, shows the cell and marks it for a moment. */
import { useEffect } from 'react';
import { useController } from '../model/context';
import { reveal } from './reveal';

const MARKED_MS = 2400;
/** What is above the cell may take its height only as it comes near: it is shown again when that has settled. */
const AGAIN_MS = [150, 500, 1200];

function linkedCell(): string | null {
  const parameters = new URLSearchParams(location.hash.slice(1));
  return parameters.get('cell') ?? parameters.get('scrollTo');
}

/** Shows a cell until it stands still or the person goes elsewhere; answers what ends it. */
function show(cell: HTMLElement): () => void {
  const timers = AGAIN_MS.map((after) => setTimeout(() => reveal(cell), after));
  const stop = () => timers.forEach(clearTimeout);
  for (const event of ['wheel', 'pointerdown', 'keydown'] as const) addEventListener(event, stop, { once: true });
  cell.dataset['linked'] = '';
  const unmark = setTimeout(() => delete cell.dataset['linked'], MARKED_MS);
  reveal(cell);
  return () => {
    stop();
    clearTimeout(unmark);
    delete cell.dataset['linked'];
    for (const event of ['wheel', 'pointerdown', 'keydown'] as const) removeEventListener(event, stop);
  };
}

/** Put beside the cells once they are there. */
export function CellLink() {
  const controller = useController();
  useEffect(() => {
    let end: (() => void) | undefined;
    function follow() {
      const id = linkedCell();
      const cell = id && document.querySelector<HTMLElement>(`section[data-cell="${CSS.escape(id)}"]`);
      if (!id || !cell) return;
      end?.();
      controller.activate(id);
      end = show(cell);
    }
    follow();
    addEventListener('hashchange', follow);
    return () => {
      removeEventListener('hashchange', follow);
      end?.();
    };
  }, [controller]);
  return null;
}
