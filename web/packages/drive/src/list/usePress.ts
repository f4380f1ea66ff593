/** Presses: a long one with a finger chooses, a short one goes on as a click. */
import { type MouseEvent, type PointerEvent, useEffect, useRef, useState } from 'react';

const LONG_MS = 450;
const STILL_PX = 10;

export function usePress(onLong: (index: number) => void, onMouse: (index: number, event: PointerEvent) => void) {
  const [touching, setTouching] = useState(() => matchMedia('(pointer: coarse)').matches);
  const end = useRef<(() => void) | null>(null);
  const swallow = useRef(false);
  useEffect(() => () => end.current?.(), []);

  function begin(index: number, event: PointerEvent) {
    end.current?.();
    swallow.current = false;
    const touch = event.pointerType === 'touch';
    setTouching(touch);
    if (!touch) {
      if (event.button === 0) onMouse(index, event);
      return;
    }
    const { clientX, clientY } = event;
    const stop = () => {
      clearTimeout(timer);
      removeEventListener('pointermove', moved);
      removeEventListener('pointerup', stop);
      removeEventListener('pointercancel', stop);
      end.current = null;
    };
    const moved = (next: globalThis.PointerEvent) => {
      if (Math.hypot(next.clientX - clientX, next.clientY - clientY) > STILL_PX) stop();
    };
    const timer = setTimeout(() => {
      stop();
      swallow.current = true;
      navigator.vibrate?.(12);
      onLong(index);
    }, LONG_MS);
    addEventListener('pointermove', moved);
    addEventListener('pointerup', stop);
    addEventListener('pointercancel', stop);
    end.current = stop;
  }

  return {
    begin,
    touching,
    isTouch: (event: MouseEvent) => (event.nativeEvent as globalThis.PointerEvent).pointerType === 'touch',
    /** Whether a click is only the end of a long press; it then does nothing. */
    swallowed(event: MouseEvent): boolean {
      if (!swallow.current || event.type !== 'click') return false;
      swallow.current = false;
      event.preventDefault();
      return true;
    },
  };
}
