// The keyboard is never lost: after menus and dialogs it acts on the cell it acted on before, and nothing that happens
// elsewhere takes it away from somebody who writes. Names are shown as they are, and menus fit a phone.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { journey } from '../src/journey.mjs';
import { chooseItem, openItems, press, role, toasts } from '../src/ui.mjs';

await journey('focus', async (t) => {
  const file = await t.notebook(['a = 1', 'b = 2', 'name = input("Name? ")\nprint("hello", name)', 'list(range(400))']);
  const notebook = await t.open(file);
  const { page } = notebook;
  const focused = (id, what = 'section') =>
    until(`the focus in ${what} of ${id}`, () =>
      page.evaluate(
        (cell, selector) =>
          document.activeElement?.matches(selector) &&
          document.activeElement.closest('[data-cell]')?.dataset.cell === cell,
        id,
        what,
      ),
    );
  const gone = (selector) => until(`${selector} to go`, async () => (await page.$(selector)) === null);

  await t.step('a closed dialog gives the focus back to the cell', async () => {
    await notebook.select('cell-1');
    for (const keys of ['Ctrl+Shift+P', 'Ctrl+M H']) {
      await press(page, keys);
      await page.waitForSelector('[role=dialog]:focus-within');
      await press(page, 'Escape');
      await gone('[role=dialog]');
      await focused('cell-1');
    }
    await notebook.menu('File', 'Rename');
    await page.waitForSelector('[role=dialog]:focus-within');
    await press(page, 'Escape');
    await gone('[role=dialog]');
    await focused('cell-1');
  });

  await t.step('keys go on working after a menu, whether something was chosen or not', async () => {
    await notebook.menu('View', 'Line numbers');
    await focused('cell-1');
    await role(page, 'menuitem', 'Edit').click();
    await page.waitForSelector('[role=menu]:focus-within');
    await press(page, 'Escape');
    await gone('[role=menu]');
    await focused('cell-1');
    await page.click('section[data-cell="cell-1"] button[aria-label="More for this cell"]');
    await page.waitForSelector('[role=menu]:focus-within');
    await press(page, 'Escape');
    await gone('[role=menu]');
    await focused('cell-1');
    await press(page, 'ArrowUp');
    await focused('cell-0');
  });

  await t.step('who came to the menu bar by keyboard stays there, and shortcuts work from there too', async () => {
    await page.focus('[role=menubar] [role=menuitem]');
    await press(page, 'Enter');
    await page.waitForSelector('[role=menu]:focus-within');
    await press(page, 'Escape');
    await gone('[role=menu]');
    await until('the bar', () => page.evaluate(() => document.activeElement.closest('[role=menubar]') !== null));
    await press(page, 'Ctrl+M H');
    await page.waitForSelector('[role=dialog]:focus-within .nb-shortcuts');
    await press(page, 'Escape');
    await gone('[role=dialog]');
  });

  await t.step('undoing a new cell goes back to the cell above it', async () => {
    await notebook.select('cell-0');
    await press(page, 'Ctrl+M B');
    await until('a fifth cell', async () => (await notebook.cells()).length === 5);
    await press(page, 'Escape');
    await press(page, 'Ctrl+M Z');
    await until('four cells', async () => (await notebook.cells()).length === 4);
    await focused('cell-0');
  });

  await t.step('a question does not take the keyboard from under the fingers', async () => {
    await notebook.edit('cell-2');
    await press(page, 'Ctrl+Enter');
    await notebook.edit('cell-0');
    await notebook.type('0');
    await until('the notice', async () => (await toasts(page)).some((text) => /Cell 3 waits/.test(text)), 60_000);
    await notebook.type('1');
    await until('the whole number', async () => (await notebook.cell('cell-0')).source === 'a = 101');
    await role(page, 'button', 'Go there').click();
    await focused('cell-2', 'input');
    await notebook.type('Ada');
    await press(page, 'Enter');
    await notebook.waitOutput('cell-2', /hello Ada/);
  });

  await t.step('a question of the cell one works in takes it', async () => {
    await notebook.edit('cell-2');
    await press(page, 'Ctrl+Enter');
    await focused('cell-2', 'input');
    await press(page, 'Enter');
    await notebook.ended('cell-2');
  });

  await t.step('completions and documentation are seen beside the caret', async () => {
    await notebook.edit('cell-0');
    await notebook.type('\nname.upper');
    for (const [keys, shown] of [
      ['Tab', '.cm-tooltip-autocomplete'],
      ['Shift+Tab', '.nb-inspection'],
    ]) {
      await press(page, keys);
      await until(`${shown} in sight`, () =>
        page.evaluate((selector) => {
          const box = document.querySelector(selector)?.getBoundingClientRect();
          const caret = document.querySelector('.cm-cursor-primary').getBoundingClientRect();
          return (
            box && box.top >= 0 && box.bottom <= innerHeight && box.left <= caret.left + 4 && caret.left <= box.right
          );
        }, shown),
      );
      await press(page, 'Escape');
      await gone(shown);
    }
  });

  await t.step('a long result is read from its top', async () => {
    await notebook.run('cell-3');
    const box = await page.waitForSelector('section[data-cell="cell-3"] .lo-capped');
    assert.equal(await box.evaluate((element) => element.scrollTop), 0);
  });

  await t.step('the name is seen whole while it is written, and a refused one is not shown', async () => {
    t.expectProblems(/status of 400/);
    const title = '.nb-title input';
    const value = () => page.$eval(title, (input) => input.value);
    await page.click(title);
    await press(page, 'Ctrl+A');
    await notebook.type('A name that is a good deal longer');
    assert.ok(await page.$eval(title, (input) => input.scrollWidth <= input.clientWidth));
    await press(page, 'Escape');
    assert.equal(await value(), 'Journey');
    await page.click(title);
    await press(page, 'Ctrl+A');
    await notebook.type('up/down');
    await press(page, 'Enter');
    await until('the refusal', async () => (await toasts(page)).some((text) => /name/i.test(text)));
    await until('the name', async () => (await value()) === 'Journey');
  });

  await t.step('on a phone the menus open in place and fit', async () => {
    await page.setViewport({ width: 390, height: 800 });
    await notebook.select('cell-1');
    await role(page, 'button', 'Notebook menu').click();
    await role(page, 'menuitem', 'Edit').click();
    await until('the menu Edit', async () => (await openItems(page)).includes('Cut cells'));
    const box = await page.$eval('[role=menu]', (menu) => {
      const { left, right } = menu.getBoundingClientRect();
      return { left, right };
    });
    assert.ok(box.left >= 0 && box.right <= 390, `the menu from ${box.left} to ${box.right}`);
    await t.shot(page, 'menu-phone');
    await chooseItem(page, 'Move cells up');
    await until('the cell above', async () => (await notebook.cells())[0].id === 'cell-1');
  });
});
