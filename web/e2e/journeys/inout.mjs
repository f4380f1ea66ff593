// Notebooks in and out: one is found on GitHub, read, and made one's own; it is changed and saved back, downloaded as a
// web page and as PDF, and printed whole.
import assert from 'node:assert/strict';
import { downloaded, frameShown, until } from '../src/browser.mjs';
import { GitHub, TOKEN } from '../src/github.mjs';
import { journey } from '../src/journey.mjs';
import { looksRight } from '../src/looks.mjs';
import { NotebookPage } from '../src/notebook.mjs';
import { DrivePage } from '../src/drive.mjs';
import { chooseItem, press, role, toasts } from '../src/ui.mjs';

const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAADAAAAAYCAIAAAAzn+mLAAAAPElEQVR42mPQqDiBFZ0I0MCKaK2eYdRBow4addCIc9BAWYxL/aiDRh006qCR56DRknrUQaMOGnXQADsIAA8l+kzkX9FsAAAAAElFTkSuQmCC';
// Few cells, each taller than the window with what it printed: the last is far away.
const cells = Array.from({ length: 6 }, (_, at) => ({
  id: `step-${at}`,
  cell_type: 'code',
  metadata: {},
  source: `step_${at} = ${at}`,
  execution_count: at + 1,
  outputs: [{ output_type: 'stream', name: 'stdout', text: `${'line\n'.repeat(30)}output ${at}\n` }],
}));
cells[0] = {
  id: 'intro',
  cell_type: 'markdown',
  metadata: {},
  source: '# Waves\n\nwith $\\frac{a}{b}$ <script>parent.stolen = 1</script>',
};
cells[1].outputs = [
  { output_type: 'display_data', data: { 'image/png': PNG, 'text/plain': 'waves' }, metadata: {} },
  {
    output_type: 'display_data',
    data: { 'text/html': '<script>window.stolen = 1</script><b>a table</b>' },
    metadata: {},
  },
];
const BOOK = `${JSON.stringify({ cells, metadata: { language_info: { name: 'python' } }, nbformat: 4, nbformat_minor: 5 }, null, 1)}\n`;

const github = await GitHub.start({
  repos: {
    'ada/waves': {
      branches: {
        main: { 'notebooks/Waves.ipynb': BOOK, 'tool.py': '# %%\nx = 1\n', 'README.md': '# Waves' },
        'feature/deep': { 'Deep.ipynb': BOOK },
      },
    },
    'ada/plans': { private: true, branches: { main: { 'Plan.ipynb': BOOK } } },
  },
});

await journey(
  'inout',
  async (t) => {
    let page;
    let notebook;

    await t.step('New → From GitHub leads through a repository to a notebook', async () => {
      page = await t.signedIn();
      await new DrivePage(page).ready();
      await role(page, 'button', 'New').click();
      await chooseItem(page, 'From GitHub or a link');
      await role(page, 'textbox', 'Owner or repository').fill('ada');
      await press(page, 'Enter');
      await role(page, 'link', 'ada/waves Notebooks of ada').click();
      await page.waitForSelector('.exchange-list a[href$="Waves.ipynb"]');
      await looksRight(t, page, 'github');
      await role(page, 'textbox', 'Filter by path').fill('waves');
      await until('the filter', async () => (await page.$$('.exchange-list a')).length === 1);
      await page.click('.exchange-list a');
    });

    await t.step('it is shown to read; nothing of it runs, and no file is made', async () => {
      const shown = await frameShown(page, '.exchange-paper', () => document.querySelectorAll('.cell').length === 6);
      const seen = await shown.evaluate(() => ({
        text: document.body.innerText,
        formulas: document.querySelectorAll('math').length,
      }));
      assert.match(seen.text, /a table/);
      assert.match(seen.text, /output 5/);
      assert.equal(seen.formulas, 1);
      assert.equal(await page.evaluate(() => window.stolen), undefined);
      const { files } = await t.api.call('GET', '/files?folder=root');
      assert.ok(!files.some((file) => file.name === 'Waves.ipynb'));
    });

    await t.step('“Save a copy” makes it one’s own', async () => {
      await role(page, 'button', 'Save a copy to My Drive').click();
      await page.waitForFunction(() => location.pathname.startsWith('/drive/'));
      notebook = await new NotebookPage(page).ready();
      await page.waitForSelector('section[data-cell="step-5"]');
    });

    await t.step('a link of a private repository says so, and opens once a token is connected', async () => {
      const back = page.url();
      t.expectProblems(/status of 404|Not Found/, /downloadable font/); // a page is left while it loads
      await page.goto(`${t.server.url}/github/ada/plans/blob/main/Plan.ipynb`);
      await page.waitForFunction(() => /connect a GitHub token/.test(document.body.innerText));
      await page.locator('input[type="password"]').fill(TOKEN);
      await role(page, 'button', 'Connect').click();
      await role(page, 'button', 'Save a copy to My Drive').wait();
      await page.goto(back);
      await notebook.ready();
    });

    await t.step('an edit is saved back to where it came from', async () => {
      await notebook.edit('step-2');
      await notebook.type('\nchanged = True');
      await notebook.waitSaved();
      await notebook.menu('File', 'Save a copy to GitHub');
      await page.waitForSelector('[role="dialog"] .exchange-form');
      const values = await page.$$eval('[role="dialog"] input[type="text"]', (inputs) =>
        inputs.map(({ value }) => value),
      );
      assert.deepEqual(values.slice(0, 4), ['ada', 'waves', 'main', 'notebooks/Waves.ipynb']);
      await role(page, 'button', 'Save').click();
      await until('the message', async () => (await toasts(page)).some((one) => /Saved to GitHub/.test(one)));
      const saved = JSON.parse(await github.read('ada/waves', 'main', 'notebooks/Waves.ipynb'));
      assert.equal(saved.cells.length, 6);
      assert.match(JSON.stringify(saved.cells[2].source), /changed = True/);
    });

    const download = (format) =>
      downloaded(t.browser, async () => {
        await notebook.menu('File', 'Download as…');
        await page.waitForSelector('[role="dialog"] select');
        await page.select('[role="dialog"] select', format);
        await role(page, 'button', 'Download').click();
      });

    await t.step('it is downloaded as a web page in which nothing runs', async () => {
      const { name, text } = await download('html');
      assert.equal(name, 'Waves.html');
      assert.match(text, /output 5/);
      assert.match(text, /<mfrac>/);
      assert.ok(text.includes(`data:image/png;base64,${PNG}`));
      assert.ok(!/<script/i.test(text));
    });

    await t.step('and as PDF', async () => {
      const { name, text } = await download('pdf');
      assert.equal(name, 'Waves.pdf');
      assert.ok(text.startsWith('%PDF-'));
    });

    await t.step('Print takes every cell, also those that are far from the window', async () => {
      await page.evaluate(() => {
        window.printed = new Promise((resolve) => {
          new MutationObserver((changes) => {
            for (const frame of changes.flatMap((change) => [...change.addedNodes]))
              if (frame.nodeName === 'IFRAME' && 'print' in frame.dataset)
                frame.addEventListener(
                  'load',
                  () => {
                    // No window of the system's is opened for a journey.
                    frame.contentWindow.print = () => resolve(frame.contentDocument.body.innerText);
                  },
                  true,
                );
          }).observe(document.body, { childList: true });
        });
      });
      await notebook.menu('File', 'Print');
      const text = await page.evaluate(() => window.printed);
      assert.match(text, /output 5/);
      assert.match(text, /changed = True/);
    });
  },
  { env: github.env },
);
