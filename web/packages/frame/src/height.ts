/** Tells the page how high the content is, at most once per painted frame. */
import { type FrameMessage } from '@labora/outputs/core/protocol';

export function reportHeight(post: (message: FrameMessage) => void): void {
  let last = -1;
  let asked = 0;
  const report = () => {
    asked = 0;
    const px = contentHeight();
    if (px === last) return;
    last = px;
    post({ t: 'height', px });
  };
  const ask = () => {
    if (asked === 0) asked = requestAnimationFrame(report);
  };
  const observer = new ResizeObserver(ask);
  observer.observe(document.body);
  // Content that is placed outside the flow changes no size of the body.
  new MutationObserver(ask).observe(document.body, { childList: true, subtree: true, attributes: true });
  document.fonts.addEventListener('loadingdone', ask);
  addEventListener('load', ask, true);
  report();
}

function contentHeight(): number {
  const { body } = document;
  return Math.ceil(Math.max(body.getBoundingClientRect().height, body.scrollHeight));
}
