/** Tells which elements have come near the viewport: what is far away is shown plainly and cheaply. */
import { type RefObject, useLayoutEffect, useState } from 'react';

const waiting = new WeakMap<Element, () => void>();
let observer: IntersectionObserver | null = null;

function shared(): IntersectionObserver {
  return (observer ??= new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        observer?.unobserve(entry.target);
        waiting.get(entry.target)?.();
        waiting.delete(entry.target);
      }
    },
    { rootMargin: '800px 0px' },
  ));
}

/** True once the element has been within 800 px of the viewport, and from then on. For the component that renders it. */
export function useNear(element: RefObject<Element | null>, present = true): boolean {
  const [near, setNear] = useState(false);
  useLayoutEffect(() => {
    const target = element.current;
    if (near || !target) return;
    waiting.set(target, () => setNear(true));
    shared().observe(target);
    return () => {
      waiting.delete(target);
      observer?.unobserve(target);
    };
    // oxlint-disable-next-line react/exhaustive-effect-dependencies -- their change means other elements
  }, [element, near, present]);
  return near;
}
