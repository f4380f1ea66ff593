/** Names for the controls of widgets that have none for people who cannot see them. */
import { say, type StringKey } from '@labora/outputs/core';

const ICONS: Readonly<Record<string, StringKey>> = {
  'fa-play': 'widgetPlay',
  'fa-pause': 'widgetPause',
  'fa-stop': 'widgetStop',
  'fa-retweet': 'widgetRepeat',
};

/** The text that stands beside a control, or the kind of thing that it is. */
function described(control: Element, kind: StringKey): string {
  const text = control.closest('.jupyter-widgets')?.querySelector('.widget-label')?.textContent?.trim();
  return text === undefined || text === '' ? say(kind) : text;
}

function name(element: Element, text: string): void {
  if (!element.hasAttribute('aria-label')) element.setAttribute('aria-label', text);
}

export function nameControls(box: HTMLElement): void {
  // What `title = null` becomes.
  for (const label of box.querySelectorAll('[title="null"]')) label.removeAttribute('title');
  for (const handle of box.querySelectorAll('.noUi-handle')) name(handle, described(handle, 'widgetSlider'));
  for (const input of box.querySelectorAll('.widget-colorpicker input')) name(input, described(input, 'widgetColour'));
  for (const bar of box.querySelectorAll('.progress[role="progressbar"]')) name(bar, described(bar, 'widgetProgress'));
  for (const image of box.querySelectorAll('img.widget-image:not([alt])')) image.setAttribute('alt', say('image'));
  for (const [icon, key] of Object.entries(ICONS)) {
    for (const part of box.querySelectorAll(`.widget-play .${icon}`))
      part.parentElement?.setAttribute('aria-label', say(key));
  }
}
