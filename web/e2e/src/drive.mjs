// The drive page, through its roles and labels.
import { until } from './browser.mjs';
import { chooseItem, role } from './ui.mjs';

export class DrivePage {
  constructor(page) {
    this.page = page;
  }

  /** Waits until the files are listed; returns their names in the order shown. */
  async ready() {
    await this.page.waitForSelector('[role="row"][data-index], .ui-empty');
    return this.names();
  }

  names() {
    return this.page.$$eval('[role="row"][data-index]', (rows) =>
      rows
        .sort((a, b) => a.dataset.index - b.dataset.index)
        .map((row) => row.querySelector('.file-link')?.textContent ?? row.querySelector('input')?.value),
    );
  }

  waitFor(name) {
    return until(`"${name}" in the list`, async () => (await this.names()).includes(name));
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

  /** Drops files from outside on the page: `[{name, text}]`. */
  drop(files) {
    return this.page.evaluate((given) => {
      const data = new DataTransfer();
      for (const { name, text } of given) data.items.add(new File([text], name, { type: 'application/x-ipynb+json' }));
      const target = document.querySelector('main');
      for (const type of ['dragenter', 'dragover', 'drop'])
        target.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
    }, files);
  }
}
