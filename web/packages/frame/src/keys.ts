/** Keys that belong to the notebook even while a frame has the focus. */
import { type FrameMessage } from '@labora/outputs/core/protocol';

export function forwardKeys(post: (message: FrameMessage) => void): void {
  addEventListener(
    'keydown',
    (event) => {
      // What an output makes up itself is nobody's key.
      if (!event.isTrusted) return;
      const run = event.key === 'Enter' && (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
      if (event.key !== 'Escape' && !run) return;
      if (run) event.preventDefault();
      const { ctrlKey: ctrl, shiftKey: shift, altKey: alt, metaKey: meta } = event;
      post({ t: 'key', key: event.key === 'Escape' ? 'Escape' : 'Enter', ctrl, shift, alt, meta });
    },
    true,
  );
  addEventListener('focus', (event) => event.isTrusted && post({ t: 'focus' }));
}
