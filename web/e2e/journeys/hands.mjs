// What hands do that no plan foresees: long cells, moved cells, a clipboard from Windows, cells for another tab, a file
// that somebody puts into the trash and rights that change while one works.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { journey } from '../src/journey.mjs';
import { NotebookPage } from '../src/notebook.mjs';
import { press, role } from '../src/ui.mjs';

await journey('hands', async (t) => {
  const long = Array.from({ length: 120 }, (_, at) => `line_${at} = ${at}`).join('\n');
  const file = await t.notebook(['a = 1\nbbbb = 2', long, 'c = 3', { cell_type: 'markdown', source: 'words' }]);
  const notebook = await t.open(file);
  const { page } = notebook;
  const head = () => page.$eval('.nb-top', (element) => element.getBoundingClientRect().bottom);
  const topOf = (selector) => page.$eval(selector, (element) => element.getBoundingClientRect().top);

  await t.step('the caret is never under the head of the page, and keeps its column from cell to cell', async () => {
    await notebook.edit('cell-1');
    for (let at = 0; at < 80; at++) await page.keyboard.press('ArrowUp');
    await until('the caret in sight', async () => (await topOf('.cm-cursor-primary')) >= (await head()));
    await press(page, 'Ctrl+Home');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowUp');
    await notebook.type('X');
    await until('the last line of the cell above', async () => {
      const { source } = await notebook.cell('cell-0');
      return source === 'a = 1\nbXbbb = 2' || Promise.reject(new Error(source));
    });
  });

  await t.step('a cell that is moved stays in sight', async () => {
    await notebook.select('cell-2');
    await press(page, 'Ctrl+M K');
    await until('it above', async () => (await notebook.cells())[1].id === 'cell-2');
    await press(page, 'Ctrl+M K');
    await until('it first', async () => (await notebook.cells())[0].id === 'cell-2');
    await until('it in sight', async () => (await topOf('section[data-cell="cell-2"]')) >= (await head()) - 10);
  });

  await t.step('line ends of Windows become those of the notebook', async () => {
    await notebook.edit('cell-2');
    await page.evaluate(() => {
      const clipboardData = new DataTransfer();
      clipboardData.setData('text/plain', '\r\nd = 4\r\ne = 5');
      // Firefox gives a made ClipboardEvent a clipboard of its own.
      const paste = new Event('paste', { bubbles: true, cancelable: true });
      Object.defineProperty(paste, 'clipboardData', { value: clipboardData });
      document.activeElement.dispatchEvent(paste);
    });
    await until('three lines', async () => (await notebook.cell('cell-2')).source === 'c = 3\nd = 4\ne = 5');
    await notebook.waitSaved();
  });

  await t.step('cells copied in one tab are pasted in another', async () => {
    const other = await t.notebook(['z = 0'], 'Other.ipynb');
    await notebook.select('cell-2');
    await press(page, 'Ctrl+C');
    const tab = await page.browserContext().newPage();
    t.people.push(tab);
    await tab.goto(`${t.server.url}/drive/${other.id}`);
    const there = await new NotebookPage(tab).ready();
    await there.select('cell-0');
    await press(tab, 'Ctrl+V');
    await until('the cell', async () => (await there.sources())[1] === 'c = 3\nd = 4\ne = 5');
    await tab.close();
    await page.bringToFront();
  });

  await t.step('who may no longer edit is offered nothing that would be refused', async () => {
    const carl = await t.colleague('Carl', 'carl');
    const given = await t.api.call('POST', `/files/${file.id}/permissions`, { account_id: carl.id, role: 'editor' });
    const theirs = await t.open(file, { account: carl });
    await theirs.edit('cell-0');
    await theirs.page.waitForSelector('.nb-cell-tools');
    await t.api.call('PATCH', `/files/${file.id}/permissions/${given.id}`, { role: 'viewer' });
    await theirs.waitSaveState('read-only');
    assert.equal(await theirs.page.$('.nb-cell-tools, .nb-insert'), null);
    await theirs.page.close();
  });

  await t.step('a notebook that went to the trash says so to its owner, who restores it', async () => {
    await page.bringToFront();
    await t.api.call('PATCH', `/files/${file.id}`, { trashed: true });
    await notebook.waitSaveState('read-only');
    assert.match(await notebook.banners(), /in the trash/);
    await role(page, 'button', 'Restore').click();
    await notebook.waitSaveState('saved');
    await notebook.edit('cell-0');
    await notebook.type('5');
    await until('the edit', async () => /5$/.test((await notebook.cell('cell-0')).source));
    await notebook.waitSaved();
  });
});
