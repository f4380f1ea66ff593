// A notebook made elsewhere comes in by File → Upload and by drag and drop, is renamed, and goes out as it came in.
import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { downloaded, until } from '../src/browser.mjs';
import { DrivePage } from '../src/drive.mjs';
import { journey } from '../src/journey.mjs';
import { NotebookPage } from '../src/notebook.mjs';
import { chooseItem, press, role, toasts } from '../src/ui.mjs';

const COLAB = {
  nbformat: 4,
  nbformat_minor: 0,
  metadata: {
    colab: { name: 'From Colab', provenance: [{ file_id: '1abc', timestamp: 1.0 }], collapsed_sections: ['x1'] },
    kernelspec: { name: 'python3', display_name: 'Python 3' },
    language_info: { name: 'python' },
    accelerator: 'GPU',
    'a key of my own': { int: 1, float: 1.0, big: 1e300, none: null, yes: true, list: [1, 2.5, 'x'] },
  },
  cells: [
    {
      cell_type: 'markdown',
      source: ['# Uploaded\n', 'with $x^2$'],
      metadata: { id: 'x1', colab_type: 'text' },
    },
    {
      cell_type: 'code',
      source: ['#@title A form\n', 'n = 3 #@param {type:"integer"}\n', 'print("n is", n)'],
      metadata: {
        id: 'x2',
        cellView: 'both',
        colab: { base_uri: 'https://localhost:8080/' },
        executionInfo: { status: 'ok', elapsed: 12, user: { displayName: 'Ada' } },
      },
      execution_count: 4,
      outputs: [{ output_type: 'stream', name: 'stdout', text: ['n is 3\n'] }],
    },
  ],
};

// JSON.stringify writes 1.0 as 1, so that the type of a number can only be told from the text itself.
const TEXT = JSON.stringify(COLAB, null, 1)
  .replace('"float": 1,', '"float": 1.0,')
  .replace('"timestamp": 1\n', '"timestamp": 1.0\n');

/** JSON with numbers as they are spelled, so that 1 and 1.0 differ. */
const typed = (text) =>
  JSON.parse(
    text.replaceAll(/("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g, (_all, string, number) => {
      if (string !== undefined) return string;
      return JSON.stringify(/[.eE]/.test(number) ? `float ${Number(number)}` : `int ${number}`);
    }),
  );

await journey('upload', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'labora-upload-'));
  const file = path.join(folder, 'From Colab.ipynb');
  writeFileSync(file, TEXT);
  let page;
  let notebook;

  const download = () => downloaded(t.browser, () => notebook.menu('File', 'Download .ipynb'));

  await t.step('File → Upload opens the notebook with its text, form and outputs', async () => {
    page = await t.signedIn();
    const drive = new DrivePage(page);
    await drive.ready();
    await role(page, 'button', 'New').click();
    await chooseItem(page, 'New notebook');
    notebook = await new NotebookPage(page).ready();
    const [chooser] = await Promise.all([page.waitForFileChooser(), notebook.menu('File', 'Upload notebook')]);
    const before = page.url();
    await chooser.accept([file]);
    await page.waitForFunction((was) => location.href !== was, {}, before);
    await page.waitForSelector('section[data-cell="x2"]');
    const [text, code] = await notebook.cells();
    assert.deepEqual([text.id, code.id, code.count], ['x1', 'x2', 4]);
    assert.equal(code.source, COLAB.cells[1].source.join(''));
    assert.equal(await notebook.stream('x2'), 'n is 3');
    const field = await page.waitForSelector('section[data-cell="x2"] .nb-form input');
    assert.equal(await field.evaluate((input) => input.value), '3');
    await page.waitForSelector('section[data-cell="x1"] .katex');
  });

  await t.step('it downloads as the same JSON, every number of its type', async () => {
    const { text, name } = await download();
    assert.equal(name, 'From Colab.ipynb');
    assert.deepEqual(typed(text), typed(TEXT));
  });

  await t.step('an edit changes nothing but its own cell', async () => {
    await notebook.edit('x2');
    await notebook.type('\nprint("more")');
    await notebook.waitSaved();
    const { text } = await download();
    const expected = typed(TEXT);
    expected.cells[1].source = [...expected.cells[1].source.slice(0, 2), 'print("n is", n)\n', 'print("more")'];
    assert.deepEqual(typed(text), expected);
  });

  await t.step('the title renames it, in the page and in the drive', async () => {
    const title = await page.$('input[aria-label="Name of the notebook"]');
    await title.click({ count: 3 });
    await page.keyboard.type('My analysis.ipynb');
    await press(page, 'Enter');
    await until('the title', async () => /^My analysis/.test(await page.title()));
    await page.goto(t.server.url);
    await new DrivePage(page).waitFor('My analysis.ipynb');
  });

  await t.step(
    'files dropped on the drive are uploaded and open; a bad one is shown read-only with the reason',
    async () => {
      const drive = new DrivePage(page);
      await drive.drop([
        { name: 'Dropped.ipynb', text: TEXT },
        { name: 'Broken.ipynb', text: '{"cells": [' },
      ]);
      await drive.waitFor('Dropped.ipynb');
      await drive.waitFor('Broken.ipynb');
      await drive.openFile('Dropped.ipynb');
      notebook = await new NotebookPage(page).ready();
      await page.waitForSelector('section[data-cell="x2"]');
      assert.deepEqual(
        (await notebook.cells()).map((cell) => cell.id),
        ['x1', 'x2'],
      );
      await page.goto(t.server.url);
      await drive.openFile('Broken.ipynb');
      await page.waitForFunction(() => /read-only/.test(document.querySelector('.nb-banners')?.innerText ?? ''));
      notebook = new NotebookPage(page);
      const [link] = await page.$$('.nb-banners a');
      const kept = await page.evaluate(async (href) => (await fetch(href)).text(), await link.evaluate((a) => a.href));
      assert.equal(kept, '{"cells": [', 'the bad file is kept byte for byte');
    },
  );

  await t.step('rename, copy, trash and restore by the menu of the file', async () => {
    await page.goto(t.server.url);
    const drive = new DrivePage(page);
    await drive.fileMenu('Dropped.ipynb', 'Rename');
    await page.waitForSelector('.file-rename');
    await press(page, 'Ctrl+A');
    await page.keyboard.type('Renamed.ipynb');
    await press(page, 'Enter');
    await drive.waitFor('Renamed.ipynb');
    await drive.fileMenu('Renamed.ipynb', 'Make a copy');
    await drive.waitFor('Copy of Renamed.ipynb');
    await drive.fileMenu('Copy of Renamed.ipynb', 'Move to trash');
    await until('it to leave', async () => !(await drive.names()).includes('Copy of Renamed.ipynb'));
    await page.goto(`${t.server.url}/trash`);
    await drive.fileMenu('Copy of Renamed.ipynb', 'Restore');
    await until('it to be restored', async () => (await toasts(page)).join().includes('restored'));
    await page.goto(t.server.url);
    await drive.waitFor('Copy of Renamed.ipynb');
  });
});
