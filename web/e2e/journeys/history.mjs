// What a notebook was: two people edit it, one names a revision, the history says who changed what, and a revision is
// restored under the other's eyes and taken back; two notebooks are compared.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { DrivePage } from '../src/drive.mjs';
import { journey } from '../src/journey.mjs';
import { looksRight } from '../src/looks.mjs';
import { chooseItem, press, role, toasts } from '../src/ui.mjs';

const CHEQUERS =
  'iVBORw0KGgoAAAANSUhEUgAAADAAAAAYCAIAAAAzn+mLAAAAPElEQVR42mPQqDiBFZ0I0MCKaK2eYdRBow4addCIc9BAWYxL/aiDRh006qCR56DRknrUQaMOGnXQADsIAA8l+kzkX9FsAAAAAElFTkSuQmCC';
const text = (value) => ({ output_type: 'stream', name: 'stdout', text: value });
const picture = { output_type: 'display_data', data: { 'image/png': CHEQUERS, 'text/plain': 'picture' }, metadata: {} };
const table = {
  output_type: 'display_data',
  data: { 'text/html': '<b>a table</b>', 'text/plain': 'a table' },
  metadata: {},
};

const book = (cells) => ({
  cells: cells.map((cell, at) => ({
    id: `cell-${at}`,
    metadata: {},
    ...(cell.cell_type === 'markdown' ? {} : { cell_type: 'code', outputs: [], execution_count: null }),
    ...cell,
  })),
  metadata: { language_info: { name: 'python' } },
  nbformat: 4,
  nbformat_minor: 5,
});
const long = Array.from({ length: 14 }, (_, at) => `step_${at} = ${at}`).join('\n');

/** The difference as a person reads it: title and badges of each card. */
const cards = (page) => page.$$eval('[data-diff]', (found) => found.map((card) => card.getAttribute('aria-label')));
const picked = (page) =>
  page.$$eval('.history-pick', (found) =>
    found.map((one) => `${one.dataset.revision} ${one.innerText.split('\n')[0]}`),
  );
const compared = (page) =>
  page.waitForSelector('.diff-summary, .history-details .ui-empty, .compare-page .diff-summary');

await journey('history', async (t) => {
  const emil = await t.colleague('Emil Editor', 'emil');
  const old = book([
    { source: long },
    { source: 'total = 1', outputs: [text('1\n'), picture], execution_count: 1 },
    { cell_type: 'markdown', source: '# Together' },
    { source: 'leave = "as it is"' },
    { source: 'remove = me' },
  ]);
  const file = await t.upload(old, 'Together.ipynb');
  await t.api.call('POST', `/files/${file.id}/permissions`, { account_id: emil.id, role: 'editor' });
  let olga;
  let his;

  await t.step('two people change a notebook, and one keeps it as a named revision', async () => {
    [olga, his] = [await t.open(file), await t.open(file, { account: emil })];
    await olga.page.bringToFront();
    await olga.edit('cell-0');
    await olga.type('\nby_olga = True');
    await olga.waitSaved();
    await his.page.bringToFront();
    await his.edit('cell-3');
    await his.type('\nby_emil = True');
    await his.waitSaved();
    await olga.page.bringToFront();
    await until('his text', async () => /by_emil/.test((await olga.cell('cell-3')).source));
    await olga.menu('File', 'Save and pin revision');
    await until('the message', async () => (await toasts(olga.page)).some((one) => /pinned revision/.test(one)));
    await role(olga.page, 'button', 'Name it').click();
    await role(olga.page, 'textbox', 'Name').fill('Before the talk');
    await press(olga.page, 'Enter');
  });

  await t.step('the history tells who made what, and shows the lines that changed', async () => {
    await olga.menu('File', 'Revision history');
    const { page } = olga;
    await page.waitForFunction(() => location.pathname.endsWith('/history'));
    await page.waitForSelector('.history-pick');
    const list = await picked(page);
    assert.ok(list[0].endsWith('Before the talk'), list.join());
    assert.match(
      await page.$eval('.history-row-here', (row) => row.innerText),
      /by (Olga Owner|Emil Editor) and 1 other/,
    );
    // Against the first one, whatever was saved in between.
    await page.locator('.history-pick[data-revision="1"]').click();
    await page.select('.history-details select', 'head');
    await compared(page);
    assert.deepEqual(await cards(page), ['Code cell 1: Changed', 'Code cell 4: Changed']);
    const added = await page.$$eval('.diff-line.diff-added .diff-text', (lines) =>
      lines.map((line) => line.innerText.trim()),
    );
    assert.deepEqual(added, ['by_olga = True', 'by_emil = True']);
    await role(page, 'button', '11 unchanged lines').click();
    assert.equal((await page.$$('.diff-cell .diff-line')).length, 15 + 2);
  });

  await t.step('the keyboard goes through revisions and changes', async () => {
    const { page } = olga;
    await page.focus('.history-pick');
    await press(page, 'End');
    assert.equal(await page.evaluate(() => document.activeElement.dataset.revision), '1');
    await press(page, 'Home');
    await press(page, 'Enter');
    await page.waitForSelector('.history-pick[aria-current][data-revision]:not([data-revision="1"])');
    await compared(page);
    await role(page, 'button', 'Next change').click();
    assert.ok(await page.evaluate(() => document.activeElement.matches('[data-diff]')));
  });

  await t.step('outputs stand before beside after; cells come, go and move', async () => {
    const next = book([
      { source: `${long}\nby_olga = True` },
      { source: 'leave = "as it is"\nby_emil = True', id: 'cell-3' },
      {
        source: 'total = 2',
        id: 'cell-1',
        outputs: [text('2\n'), table],
        execution_count: 2,
        metadata: { tags: ['sum'] },
      },
      { cell_type: 'markdown', source: '# Together', id: 'cell-2' },
      { source: 'print("new")', id: 'new', outputs: [text('new\n')], execution_count: 3 },
    ]);
    await t.api.call('PUT', `/files/${file.id}/content`, JSON.stringify(next));
    const { page } = olga;
    await page.reload();
    await page.waitForSelector('.history-pick');
    await compared(page);
    assert.deepEqual(await cards(page), [
      'Code cell 2: Unchanged',
      'Code cell 3: Changed',
      'Code cell 5: Removed',
      'Code cell 5: Added',
    ]);
    await page.waitForSelector('.diff-output-before img');
    await page.waitForSelector('.diff-output-after iframe');
    const metadata = await page.$eval('.diff-metadata', (part) => part.innerText);
    assert.match(metadata, /tags[^]*not there[^]*"sum"/);
    await looksRight(t, page, 'diff');
  });

  await t.step('restoring asks nothing, the other’s page follows, and it can be undone', async () => {
    const { page } = olga;
    await page.locator('.history-pick[data-revision="1"]').click();
    await role(page, 'button', 'Restore this revision').click();
    await until('the message', async () => (await toasts(page)).some((one) => /as it was at that revision/.test(one)));
    await until('the old text', async () => (await his.cell('cell-0'))?.source === long);
    assert.equal((await his.cell('cell-4'))?.source, 'remove = me');
    await role(page, 'button', 'Undo').click();
    await until('the new text', async () => (await his.cell('new')) !== null && (await his.cell('cell-4')) === null);
    assert.equal(await his.saveState(), 'saved');
  });

  await t.step('a revision is renamed and found among the kept ones', async () => {
    const { page } = olga;
    await role(page, 'button', 'Actions for Before the talk').click();
    await chooseItem(page, 'Rename revision');
    await role(page, 'textbox', 'Name of the revision').fill('The talk');
    await press(page, 'Enter');
    await until('the new name', async () => (await picked(page)).some((one) => one.endsWith(' The talk')));
    await page.locator('.history-filter input').click();
    assert.equal((await picked(page)).length, 1);
    assert.ok(await page.$('.history-row .ui-hidden'), 'it says that it is pinned');
  });

  await t.step('any two notebooks are compared, chosen in the drive or by their link', async () => {
    const other = await t.upload(book([{ source: `${long}\nby_olga = False` }]), 'Another.ipynb');
    const { page } = olga;
    await page.goto(`${t.server.url}/drive/${file.id}`);
    await olga.ready();
    await olga.menu('Tools', 'Compare notebooks');
    await page.waitForFunction(() => location.pathname === '/compare');
    await role(page, 'button', 'Choose a notebook').click();
    await role(page, 'textbox', 'Or paste the link of a notebook').fill(`${t.server.url}/drive/${other.id}`);
    await role(page, 'button', 'Use this link').click();
    await compared(page);
    assert.match((await cards(page))[0], /Code cell 1: Changed/);
    const marks = await page.$$eval('.diff-line mark', (found) => found.map((one) => one.innerText));
    assert.deepEqual(marks, ['True', 'False']);
    await looksRight(t, page, 'compare');
    await role(page, 'button', 'Swap the two').click();
    await until('the other way round', async () => {
      const swapped = await page.$$eval('.diff-line mark', (found) => found.map((one) => one.innerText));
      return swapped.join() === 'False,True';
    });
    await page.$$eval('.compare-side button', ([button]) => button.click());
    await page.waitForSelector('[role=dialog] .picker-list button');
    await page.$$eval('.picker-list button', (found) => found.find((one) => /Together/.test(one.innerText)).click());
    await page.waitForSelector('.diff-summary, .compare-page .ui-empty');
    assert.match(await page.$eval('#main', (main) => main.innerText), /No differences/);
  });

  await t.step('who may only read finds no history, and is told so', async () => {
    const vera = await t.colleague('Vera Viewer', 'vera');
    await t.api.call('POST', `/files/${file.id}/permissions`, { account_id: vera.id, role: 'viewer' });
    t.expectProblems(/403/);
    const page = await t.signedIn(vera, `/drive/${file.id}/history`);
    await page.waitForFunction(() => /can’t be shown/.test(document.body.innerText));
    assert.match(await page.$eval('#main', (main) => main.innerText), /does not include .read_history/);
    await page.goto(`${t.server.url}/shared`);
    await new DrivePage(page).ready();
    await role(page, 'button', 'Actions for Together.ipynb').click();
    const item = await page.waitForSelector('[role=menuitem][aria-disabled=true]');
    assert.ok(item, 'the menu does not offer it');
  });
});
