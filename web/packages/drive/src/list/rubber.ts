/** The rubber band: a rectangle drawn over empty space chooses the items that it touches. */
import { type PointerEvent, type RefObject, useEffect, useRef, useState } from 'react';

export interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

const NEAR = 32;
const START = 4;

/**
 * Draws within a scrolling element; coordinates are those of its contents.
 * @param touched is told the rectangle at each move, and whether what was chosen before stays.
 */
export function useRubberBand(scroller: RefObject<HTMLElement | null>, touched: (box: Box, add: boolean) => void) {
  const [box, setBox] = useState<Box | null>(null);
  const end = useRef<(() => void) | null>(null);
  const tell = useRef(touched);
  tell.current = touched;
  useEffect(() => () => end.current?.(), []);

  function begin(event: PointerEvent) {
    const element = scroller.current;
    if (!element || event.button !== 0 || event.pointerType === 'touch') return;
    // The scrollbar is the browser's.
    if (event.nativeEvent.offsetX > element.clientWidth && event.target === element) return;
    const add = event.ctrlKey || event.metaKey || event.shiftKey;
    const at = (x: number, y: number) => {
      const frame = element.getBoundingClientRect();
      return {
        x: Math.min(Math.max(0, x - frame.left), element.clientWidth),
        y: Math.min(Math.max(0, y - frame.top + element.scrollTop), element.scrollHeight),
      };
    };
    const from = at(event.clientX, event.clientY);
    let last = { x: event.clientX, y: event.clientY };
    let drawn = false;
    let frame = 0;

    function draw() {
      const to = at(last.x, last.y);
      const next = {
        left: Math.min(from.x, to.x),
        top: Math.min(from.y, to.y),
        width: Math.abs(to.x - from.x),
        height: Math.abs(to.y - from.y),
      };
      if (!drawn && next.width < START && next.height < START) return;
      drawn = true;
      setBox(next);
      tell.current(next, add);
    }
    function scroll() {
      const edges = element?.getBoundingClientRect();
      if (element && edges && drawn) {
        const over = last.y - edges.bottom + NEAR;
        const under = edges.top + NEAR - last.y;
        if (over > 0) element.scrollTop += Math.min(over, 24);
        else if (under > 0) element.scrollTop -= Math.min(under, 24);
        if (over > 0 || under > 0) draw();
      }
      frame = requestAnimationFrame(scroll);
    }
    const move = (next: globalThis.PointerEvent) => {
      last = { x: next.clientX, y: next.clientY };
      draw();
    };
    const stop = () => {
      cancelAnimationFrame(frame);
      removeEventListener('pointermove', move);
      removeEventListener('pointerup', stop);
      removeEventListener('pointercancel', stop);
      end.current = null;
      setBox(null);
      if (!drawn) return;
      // The click that follows is the end of the band, not a click on empty space. Let go outside the window, none does.
      const swallow = (click: MouseEvent) => click.stopPropagation();
      addEventListener('click', swallow, { capture: true, once: true });
      setTimeout(() => removeEventListener('click', swallow, { capture: true }), 0);
    };
    end.current?.();
    end.current = stop;
    frame = requestAnimationFrame(scroll);
    addEventListener('pointermove', move);
    addEventListener('pointerup', stop);
    addEventListener('pointercancel', stop);
  }
  return { box, begin };
}

/** Indexes of the items that a rectangle touches, in a grid of cells of one size (one column: a list). */
export function touchedBy(
  { left, top, width, height }: Box,
  { columns, cellWidth, cellHeight, total }: { columns: number; cellWidth: number; cellHeight: number; total: number },
): number[] {
  const found: number[] = [];
  const [firstRow, lastRow] = [Math.floor(top / cellHeight), Math.floor((top + height) / cellHeight)];
  const firstColumn = columns === 1 ? 0 : Math.floor(left / cellWidth);
  const lastColumn = columns === 1 ? 0 : Math.min(columns - 1, Math.floor((left + width) / cellWidth));
  for (let row = firstRow; row <= lastRow; row += 1)
    for (let column = firstColumn; column <= lastColumn; column += 1) {
      const index = row * columns + column;
      if (index < total) found.push(index);
    }
  return found;
}
