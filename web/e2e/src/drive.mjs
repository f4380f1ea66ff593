// The drive page, through its roles and labels.
import { until } from './browser.mjs';
import { chooseItem, role } from './ui.mjs';

/** Every file that is shown, in the list or in the grid. */
const ENTRY = '.file-list [data-index]';

export class DrivePage {
  constructor(page) {
    this.page = page;
  }

  /** Waits until the files are listed; returns their names in the order shown. */
  async ready() {
    await this.page.waitForSelector(`${ENTRY}, .ui-empty`);
    return this.names();
  }

  names() {
    return this.page.$$eval(ENTRY, (entries) =>
      entries
        .sort((a, b) => a.dataset.index - b.dataset.index)
        .map((entry) => entry.querySelector('.file-link')?.textContent ?? entry.querySelector('input')?.value),
    );
  }

  /** The names of the chosen files, in the order shown. */
  chosen() {
    return this.page.$$eval(`${ENTRY}[aria-selected="true"]`, (entries) =>
      entries
        .sort((a, b) => a.dataset.index - b.dataset.index)
        .map((entry) => entry.querySelector('.file-link')?.textContent),
    );
  }

  waitFor(name) {
    return until(`"${name}" in the list`, async () => (await this.names()).includes(name));
  }

  waitNames(...names) {
    return until(`exactly ${names}`, async () => {
      const now = await this.names();
      return JSON.stringify(now) === JSON.stringify(names) || Promise.reject(new Error(JSON.stringify(now)));
    });
  }

  waitChosen(...names) {
    return until(`${names} to be chosen`, async () => {
      const now = await this.chosen();
      return JSON.stringify(now) === JSON.stringify(names) || Promise.reject(new Error(JSON.stringify(now)));
    });
  }

  /** The element of one file. */
  async entry(name) {
    await this.waitFor(name);
    for (const entry of await this.page.$$(ENTRY))
      if (await entry.evaluate((element, n) => element.querySelector('.file-link')?.textContent === n, name))
        return entry;
    throw new Error(`no entry ${name}`);
  }

  /** Chooses a file by a click beside its name; `held` is a key that is down meanwhile. */
  async choose(name, held = null) {
    const icon = await (await this.entry(name)).$('.file-icon');
    if (held) await this.page.keyboard.down(held);
    await icon.click();
    if (held) await this.page.keyboard.up(held);
  }

  /** Opens a file or folder by a click on its name. */
  async openFile(name) {
    await this.waitFor(name);
    await role(this.page, 'link', name).click();
  }

  /** Chooses from the menu of one file. */
  async fileMenu(name, item) {
    await this.waitFor(name);
    await role(this.page, 'button', `Actions for ${name}`).click();
    await chooseItem(this.page, item);
  }

  /** Drags one file (and what is chosen with it) onto the element of a selector. */
  async drag(name, selector, { ctrl = false } = {}) {
    await this.entry(name);
    await this.page.waitForSelector(selector);
    await this.page.evaluate(
      (file, to, ctrlKey) => {
        const entries = [...document.querySelectorAll('.file-list [data-index]')];
        const from = entries.find((entry) => entry.querySelector('.file-link')?.textContent === file);
        const dataTransfer = new DataTransfer();
        const send = (element, type) =>
          element.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer, ctrlKey }));
        send(from, 'dragstart');
        const target = document.querySelector(to);
        send(target, 'dragenter');
        if (send(target, 'dragover')) throw new Error(`${to} does not take ${file}`);
        send(target, 'drop');
        send(from, 'dragend');
      },
      name,
      selector,
      ctrl,
    );
  }

  /** Drops files from outside on the page, or on the element of a selector: `[{name, text}]`. */
  drop(files, selector = 'main') {
    return this.page.evaluate(
      (given, on) => {
        const data = new DataTransfer();
        for (const { name, text } of given)
          data.items.add(new File([text], name, { type: 'application/x-ipynb+json' }));
        const target = document.querySelector(on);
        for (const type of ['dragenter', 'dragover', 'drop'])
          target.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
      },
      files,
      selector,
    );
  }
}
