/** Widgets that show and do not take changes: their controls are disabled, those that are added later too. */

const CONTROLS = 'input, select, textarea, button:not([aria-expanded]), [contenteditable="true"]';
const MARK = 'data-held-still';

/** Whether there is anything that a person would want to move. */
export const hasControls = (box: HTMLElement): boolean =>
  box.querySelector(`${CONTROLS}, .noUi-target, .jupyter-widget-tagsinput, canvas, [${MARK}]`) !== null;

const watchers = new WeakMap<HTMLElement, MutationObserver>();

export function holdStill(box: HTMLElement, on: boolean): void {
  watchers.get(box)?.disconnect();
  watchers.delete(box);
  box.classList.toggle('held-still', on);
  if (!on) return release(box);
  hold(box);
  const watcher = new MutationObserver(() => hold(box));
  watcher.observe(box, { subtree: true, childList: true, attributes: true, attributeFilter: ['disabled'] });
  watchers.set(box, watcher);
}

function hold(box: HTMLElement): void {
  for (const control of box.querySelectorAll<HTMLElement>(CONTROLS)) {
    if (control.hasAttribute('contenteditable')) control.setAttribute('contenteditable', 'false');
    else if (control.hasAttribute('disabled')) continue;
    else control.setAttribute('disabled', '');
    control.setAttribute(MARK, '');
  }
  // noUiSlider's handles are no controls of HTML's, and heed this attribute on the slider's element.
  for (const slider of box.querySelectorAll<HTMLElement>(`.noUi-target:not([${MARK}])`)) {
    slider.setAttribute('disabled', '');
    slider.setAttribute(MARK, '');
    for (const handle of slider.querySelectorAll('.noUi-handle')) {
      handle.setAttribute('tabindex', '-1');
      handle.setAttribute('aria-disabled', 'true');
    }
  }
}

function release(box: HTMLElement): void {
  for (const control of box.querySelectorAll<HTMLElement>(`[${MARK}]`)) {
    control.removeAttribute(MARK);
    if (control.getAttribute('contenteditable') === 'false') control.setAttribute('contenteditable', 'true');
    else control.removeAttribute('disabled');
  }
  for (const handle of box.querySelectorAll('.noUi-handle[aria-disabled]')) {
    handle.removeAttribute('aria-disabled');
    handle.setAttribute('tabindex', '0');
  }
}
