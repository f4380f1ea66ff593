// What every page driver does: find by accessible role and name, press keys, choose from menus.
import { until } from './browser.mjs';

const quoted = (text) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"');

/** A locator by accessible role and exact name; it waits until the element can be acted on. */
export const role = (page, kind, name) => page.locator(`::-p-aria([name="${quoted(name)}"][role="${kind}"])`);

/** Elements of an accessible role and exact name that exist now. */
export const all = (page, kind, name) => page.$$(`::-p-aria([name="${quoted(name)}"][role="${kind}"])`);

const MODIFIERS = { Ctrl: 'Control', Control: 'Control', Shift: 'Shift', Alt: 'Alt', Meta: 'Meta' };

/** Presses strokes as people write them: "Ctrl+M B", "Shift+Enter". */
export async function press(page, strokes) {
  for (const stroke of strokes.split(' ')) {
    const parts = stroke === '+' ? ['+'] : stroke.split('+');
    const key = parts.at(-1);
    const held = parts.slice(0, -1).map((part) => MODIFIERS[part]);
    for (const modifier of held) await page.keyboard.down(modifier);
    await page.keyboard.press(key.length === 1 && !held.includes('Shift') ? key.toLowerCase() : key);
    for (const modifier of held.reverse()) await page.keyboard.up(modifier);
  }
}

/** Brings an element into sight and waits until it stays where it is, so that a click meets it. */
export const settled = (element, block = 'center') =>
  element.evaluate(async (box, where) => {
    // A page behind another draws no frames; one on a busy machine draws few, and what a frame brings moves the rest.
    const drawn = () => new Promise((resolve) => (requestAnimationFrame(resolve), setTimeout(resolve, 1_000)));
    const place = () => Object.values(box.getBoundingClientRect().toJSON()).join();
    // What still comes moves what stands below it. A frame has this height until it tells its own, and a slot has none
    // while it is asked where its frame comes from.
    const coming = () =>
      document.fonts.status === 'loading' ||
      [...document.images].some((image) => image.loading !== 'lazy' && !image.complete) ||
      [...document.querySelectorAll('iframe.lo-frame')].some((frame) => frame.parentElement.style.height === '24px') ||
      [...document.querySelectorAll('.lo-frame-slot')].some(
        (slot) => slot.style.height === '' && slot.childNodes.length === 0,
      );
    box.scrollIntoView({ block: where });
    const from = performance.now();
    for (let before = null; (coming() || before !== place()) && performance.now() < from + 10_000; await drawn()) {
      before = place();
      box.scrollIntoView({ block: where });
    }
  }, block);

/** Clicks what a selector names in an output's frame, once frame and element stay where they are. */
export async function clickIn(frame, selector) {
  const element = await frame.waitForSelector(selector);
  await settled(await frame.frameElement(), 'nearest');
  await settled(element);
  // Page and frame scroll in processes of their own: the browser may for a moment look for it where it was before.
  await until(`the pointer on ${selector}`, async () => {
    await element.hover();
    return element.evaluate((box) => box.matches(':hover'));
  });
  await element.click();
}

/** Chooses from an open menu by the text of the item. */
export async function chooseItem(page, name) {
  const item = await until(`the menu item "${name}"`, async () => {
    for (const handle of await page.$$('[role^="menuitem"]')) {
      const text = await handle.evaluate((element) =>
        (element.querySelector('.ui-menu-label') ?? element).textContent.trim(),
      );
      if (text === name) return handle;
    }
    return null;
  });
  const disabled = await item.evaluate((element) => element.getAttribute('aria-disabled') === 'true');
  if (disabled) throw new Error(`the menu item "${name}" is disabled`);
  await settled(item, 'nearest');
  await item.click();
}

/** The names of the items of the open menu that can be chosen. */
export const openItems = (page) =>
  page.$$eval('[role^="menuitem"]:not([aria-disabled="true"]) .ui-menu-label', (items) =>
    items.map((item) => item.textContent),
  );

/** The texts of the toasts that are shown. */
export const toasts = (page) => page.$$eval('.ui-toast', (elements) => elements.map((element) => element.innerText));

/** Presses a button of the open dialog. */
export async function answerDialog(page, name) {
  await page.waitForSelector('[role="dialog"], [role="alertdialog"]');
  await role(page, 'button', name).click();
  await until('the dialog to close', async () => (await page.$('[role="dialog"], [role="alertdialog"]')) === null);
}
