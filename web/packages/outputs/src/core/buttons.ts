import { h } from './dom';
import { say, type StringKey } from './strings';
import { type ViewEnv } from './types';

/** A button that copies a text and says whether it worked. */
export function copyButton(
  label: StringKey,
  text: () => string | Promise<string>,
  env: Pick<ViewEnv, 'copyText'>,
): HTMLButtonElement {
  const button = h('button', { type: 'button', class: 'lo-button', 'aria-live': 'polite' }, say(label));
  let timer = 0;
  const tell = (key: StringKey) => {
    button.textContent = say(key);
    clearTimeout(timer);
    timer = window.setTimeout(() => (button.textContent = say(label)), 1_500);
  };
  button.addEventListener('click', () => {
    void Promise.resolve(text())
      .then((value) => env.copyText(value))
      .then(
        () => tell('copied'),
        () => tell('copyFailed'),
      );
  });
  return button;
}
