// One driver for the notebook page, through what a person sees: roles, labels and the page's stable data attributes.
import { frameShown, until } from './browser.mjs';
import { chooseItem, press, role, settled } from './ui.mjs';

export class NotebookPage {
  constructor(page) {
    this.page = page;
  }

  /** Waits until the document is shown. */
  async ready() {
    await this.page.waitForSelector('.nb-cells, .ui-empty-title, .nb-ended, .ui-empty');
    await this.page.waitForFunction(() => document.querySelector('[data-save]')?.dataset.save !== 'loading');
    return this;
  }

  async reload() {
    await this.page.reload();
    return this.ready();
  }

  /** The cells in the order shown: id, kind, stand, label, run state, count, source (null where it is rendered), text. */
  cells() {
    return this.page.$$eval('section[data-cell]', (sections) =>
      sections
        .map((section) => {
          const editor = section.querySelector('.cm-content');
          const still = section.querySelector('.nb-source');
          let source = null;
          if (editor) {
            const copy = editor.cloneNode(true);
            for (const extra of copy.querySelectorAll('.nb-caret, .cm-placeholder, .cm-widgetBuffer')) extra.remove();
            source = [...copy.querySelectorAll('.cm-line')].map((line) => line.textContent).join('\n');
          } else if (still) source = still.textContent.replace(/\n$/, '');
          const run = section.querySelector('button[data-state]');
          return {
            id: section.dataset.cell,
            order: Number(section.style.order),
            kind: /nb-cell-(\w+)/.exec(section.className)[1],
            label: section.getAttribute('aria-label'),
            stand: section.dataset.stand,
            state: run?.dataset.state ?? null,
            count: Number(/\[(\d+)\]/.exec(run?.getAttribute('aria-label') ?? '')?.[1] ?? 0) || null,
            source,
            text: section.querySelector('.nb-text')?.innerText ?? null,
          };
        })
        .sort((a, b) => a.order - b.order),
    );
  }

  async cell(id) {
    return (await this.cells()).find((cell) => cell.id === id) ?? null;
  }

  /** The sources of the cells in order; a rendered text cell gives its text. */
  async sources() {
    return (await this.cells()).map((cell) => cell.source ?? cell.text);
  }

  async activeCell() {
    return (await this.cells()).find((cell) => cell.stand === 'active' || cell.stand === 'edit') ?? null;
  }

  /** Puts the caret into a cell by a click at the end of its code. */
  async edit(id) {
    const cell = `section[data-cell="${id}"]`;
    const box = await this.page.waitForSelector(`${cell} .nb-source, ${cell} .cm-content, ${cell} .nb-text`);
    const text = await box.evaluate((element) => element.classList.contains('nb-text'));
    // In the middle: at the edge the page's head or a neighbour's tools may lie over it.
    await settled(box);
    await box.click({ count: text ? 2 : 1 });
    await this.page.waitForFunction(
      (which) => document.activeElement?.closest(which) !== null && document.activeElement.matches('.cm-content'),
      {},
      cell,
    );
    await press(this.page, 'Ctrl+End');
  }

  /** Makes a cell the active one, without a caret in it. */
  async select(id) {
    await this.edit(id);
    await press(this.page, 'Escape');
    await until('command mode', async () => (await this.cell(id)).stand === 'active');
  }

  type(text, options) {
    return this.page.keyboard.type(text, options);
  }

  /** Replaces the source of the cell that is edited. */
  async retype(text) {
    await press(this.page, 'Ctrl+A');
    await this.page.keyboard.press('Delete');
    await this.page.keyboard.type(text);
  }

  /** Presses the run button of a cell. */
  async pressRun(id) {
    const button = await this.page.waitForSelector(`section[data-cell="${id}"] button[data-state]`);
    await settled(button);
    await button.click();
  }

  /** Presses the run button and waits until the run has ended; returns the cell. */
  async run(id, timeout) {
    const before = await this.cell(id);
    await this.pressRun(id);
    return this.ended(id, before.count ?? 0, timeout);
  }

  /** Waits until a run with another count than `before` has ended; returns the cell. */
  ended(id, before = null, timeout = 60_000) {
    const over = new Set(['ok', 'error', 'aborted', 'lost']);
    return until(
      `the end of ${id}`,
      async () => {
        const cell = await this.cell(id);
        return over.has(cell?.state) && (before === null || (cell.count ?? 0) !== before) ? cell : null;
      },
      timeout,
    );
  }

  waitState(id, state, timeout) {
    return until(`${id} to be ${state}`, async () => (await this.cell(id))?.state === state, timeout);
  }

  /** Scrolls to a cell's output, which is drawn once it is near. */
  async show(id) {
    const cell = `section[data-cell="${id}"]`;
    await this.page.evaluate((which) => document.querySelector(which)?.scrollIntoView({ block: 'nearest' }), cell);
    await until('the output to be drawn', async () => (await this.page.$(`${cell} .nb-output-far`)) === null);
  }

  /** What stands below a cell in the page itself, as text. */
  async output(id) {
    await this.show(id);
    return this.page.evaluate(
      (cell) => document.querySelector(`section[data-cell="${cell}"] .nb-output-body`)?.innerText ?? '',
      id,
    );
  }

  /** The lines of one stream ("stdout" or "stderr") below a cell, as far as they are shown. */
  async stream(id, name = 'stdout') {
    await this.show(id);
    return this.page.evaluate(
      (cell, stream) => {
        const wanted = stream === 'stderr' ? '.lo-stderr' : '.lo-stream:not(.lo-stderr)';
        const section = document.querySelector(`section[data-cell="${cell}"]`);
        const blocks = [...(section?.querySelectorAll(`:is(${wanted}) .lo-lines`) ?? [])];
        return blocks.map((element) => element.textContent).join('\n');
      },
      id,
      name,
    );
  }

  waitOutput(id, pattern, timeout) {
    return until(
      `the output ${pattern} of ${id}`,
      async () => {
        const text = await this.output(id);
        return pattern.test(text) ? text : Promise.reject(new Error(text.slice(-500)));
      },
      timeout,
    );
  }

  /** The frame in which a cell's active outputs render, once it shows something. */
  async frame(id) {
    await this.show(id);
    const shown = () => document.getElementById('output-area')?.childElementCount > 0;
    return frameShown(this.page, `section[data-cell="${id}"] iframe.lo-frame`, shown);
  }

  /** Chooses from the menu bar. */
  async menu(menu, item) {
    await role(this.page, 'menuitem', menu).click();
    await chooseItem(this.page, item);
  }

  /** Chooses from the menu beside the runtime's state. */
  async runtimeMenu(item) {
    await role(this.page, 'button', 'Runtime menu').click();
    await chooseItem(this.page, item);
  }

  button(name) {
    return role(this.page, 'button', name).click();
  }

  keys(strokes) {
    return press(this.page, strokes);
  }

  saveState() {
    return this.page.$eval('[data-save]', (element) => element.dataset.save);
  }

  waitSaved(timeout) {
    return this.waitSaveState('saved', timeout);
  }

  waitSaveState(state, timeout) {
    return until(
      `the save state ${state}`,
      async () => (await this.saveState()) === state || Promise.reject(new Error(await this.saveState())),
      timeout,
    );
  }

  /** Of this account's runtime: connect, starting, ready, busy, restarting, dead or ended. */
  phase() {
    return this.page.$eval('.nb-runtime', (element) => element.dataset.phase);
  }

  waitPhase(phase, timeout) {
    return until(
      `the runtime to be ${phase}`,
      async () => (await this.phase()) === phase || Promise.reject(new Error(await this.phase())),
      timeout,
    );
  }

  banners() {
    return this.page.$eval('.nb-banners', (element) => element.innerText);
  }
}
