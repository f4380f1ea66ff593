/** Tells whether somebody is in the middle of writing something. */
let typed: EventTarget | null = null;

addEventListener(
  'keydown',
  ({ key, target, ctrlKey, metaKey, altKey }) => {
    const writes = key.length === 1 || key === 'Enter' || key === 'Backspace' || key === 'Delete' || key === 'Process';
    if (writes && !ctrlKey && !metaKey && !altKey) typed = target;
  },
  true,
);
addEventListener('focusout', () => (typed = null), true);

/** True for an editor or field that has been written in since it took the focus. */
export const isTypedIn = (element: Element | null): boolean =>
  element !== null && element === typed && element.matches('.cm-content, input, textarea');
