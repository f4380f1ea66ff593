/** How large the things of the list are, so that only those in sight need to exist. */
import { type RefObject, useEffect, useState, useSyncExternalStore } from 'react';

export type Layout = 'list' | 'grid';

// The same condition as in list.css: two lines a row where columns have no room or fingers do the pointing.
const TALL = '(max-width: 760px), (pointer: coarse)';
const NARROW = '(max-width: 760px)';
const CARD = { width: 196, height: 172, gap: 12 };
const SMALL_CARD = { width: 150, height: 156, gap: 8 };

function watch(query: string) {
  return (listener: () => void): (() => void) => {
    const media = matchMedia(query);
    media.addEventListener('change', listener);
    return () => media.removeEventListener('change', listener);
  };
}
const watchTall = watch(TALL);
const watchNarrow = watch(NARROW);

export const useNarrow = (): boolean => useSyncExternalStore(watchNarrow, () => matchMedia(NARROW).matches);

export interface Measures {
  columns: number;
  /** One line of the grid or the list, with the gap to the next. */
  lineHeight: number;
  /** One cell with its gap; of a list the whole width. */
  cellWidth: number;
  gap: number;
}

export function useMeasures(layout: Layout, scroller: RefObject<HTMLElement | null>): Measures {
  const tall = useSyncExternalStore(watchTall, () => matchMedia(TALL).matches);
  const narrow = useNarrow();
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    setWidth(element.clientWidth);
    return () => observer.disconnect();
  }, [scroller]);
  if (layout === 'list') return { columns: 1, lineHeight: tall ? 60 : 48, cellWidth: width, gap: 0 };
  const card = narrow ? SMALL_CARD : CARD;
  const room = Math.max(0, width - card.gap);
  const columns = Math.max(1, Math.floor(room / (card.width + card.gap)));
  return { columns, lineHeight: card.height + card.gap, cellWidth: room / columns, gap: card.gap };
}
