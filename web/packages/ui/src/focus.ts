/** Where the keyboard was in the page itself, so that a menu or a dialog can give it back when it closes. */

/** What lies over the page, or only acts on it. */
const OVER = '[role="menu"], [role="menubar"], [role="toolbar"], [role="dialog"], [role="alertdialog"], .ui-toasts';

let last: HTMLElement | null = null;
/** The element around it that takes the focus when it is gone itself, as an editor that has closed. */
let around: HTMLElement | null = null;

/** Follows the focus; called once by the app. */
export function watchFocus(): void {
  document.addEventListener('focusin', ({ target }) => {
    if (!(target instanceof HTMLElement) || target.closest(OVER)) return;
    last = target;
    around = target.parentElement?.closest<HTMLElement>('[tabindex]') ?? null;
  });
}

/**
 * Puts the focus back: to `opener` if that is a button that is still there, else to where it was in the page. Nothing
 * happens when whatever was chosen has put it somewhere already.
 */
export function returnFocus(opener: Element | null = null): void {
  const now = document.activeElement;
  if (now && now !== document.body && !now.closest(OVER)) return;
  const button = opener?.closest('[role="menu"], [role="menubar"]') ? null : opener?.closest<HTMLElement>('button');
  const target = [button, last, around].find((element) => element?.isConnected);
  target?.focus({ preventScroll: true });
}
