// The life of a runtime: what it uses, running out of memory, Manage sessions, an end that is warned of and put off,
// the reason afterwards, resets that are limited, and the history.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { until } from '../src/browser.mjs';
import { journey, role } from '../src/journey.mjs';
import { looksRight } from '../src/looks.mjs';
import { LABORA } from '../src/server.mjs';
import { answerDialog, chooseItem, press, toasts } from '../src/ui.mjs';

const MEMORY = 700 * 1024 * 1024;
const CELLS = [
  'print("alive")',
  'hog, meg = [], 1 << 20\nwhile True:\n    hog.append(b"x" * 9 * meg)',
  'n = int(input("Bytes? "))\nkept = b"x" * n\nprint("kept")',
  'import time\nprint("asleep")\ntime.sleep(600)',
];

await journey(
  'life',
  async (t) => {
    const file = await t.notebook(CELLS, 'Life.ipynb');
    const notebook = await t.open(file);
    const { page } = notebook;
    const neighbour = await t.open(
      await t.notebook(['variable = 42', 'print("variable", variable)'], 'Neighbour.ipynb'),
    );
    const banner = (pattern, timeout) =>
      until(
        `the banner ${pattern}`,
        async () => {
          const text = await notebook.banners();
          return pattern.test(text) ? text : Promise.reject(new Error(text));
        },
        timeout,
      );
    const toast = (pattern) =>
      until(`the toast ${pattern}`, async () => (await toasts(page)).find((text) => pattern.test(text)));
    const policy = (...change) => {
      const folder = ['--data-dir', t.server.dataDir];
      execFileSync(LABORA, ['policy', ...change, ...folder], { env: t.server.env, stdio: 'pipe' });
    };
    const runtimes = async () => (await t.api.call('GET', '/runtimes')).runtimes;

    await t.step('memory, disk and CPU stand beside Connect, with the figures behind', async () => {
      await notebook.run('cell-0');
      await neighbour.run('cell-0');
      await page.bringToFront();
      await page.waitForSelector('.nb-meters');
      await until('the meter of memory to show something', () =>
        page.$eval('[data-meter=memory] .nb-meter-bar > span', (bar) => parseFloat(bar.style.width) > 1),
      );
      await (await page.$('.nb-meters')).click();
      const text = await until('the kernels in the figures', async () => {
        const shown = await page.$eval('.nb-usage', (element) => element.innerText);
        return /This notebook/.test(shown) && /Another notebook/.test(shown) && shown;
      });
      assert.match(text, /RAM[^]*[\d.]+ MB \/ 734 MB/);
      await looksRight(t, page, 'meters');
      await press(page, 'Escape');
    });

    await t.step('Manage sessions lists the runtime with its notebooks, and interrupts one', async () => {
      await notebook.pressRun('cell-3');
      await until('the cell to sleep', async () => (await notebook.stream('cell-3')) === 'asleep');
      await notebook.menu('Runtime', 'Manage sessions');
      const dialog = await page.waitForSelector('[role=dialog] .runtime-card');
      const text = await until('the run in the list', async () => {
        const shown = await dialog.evaluate((element) => element.innerText);
        return /Running for/.test(shown) && shown;
      });
      assert.match(text, /Busy[^]*Memory[^]*Started[^]*Idle since\s+Not idle[^]*Neighbour[^]*|Life[^]*Neighbour/);
      await looksRight(t, page, 'sessions');
      await role(page, 'button', 'Actions for Life').click();
      await chooseItem(page, 'Interrupt');
      await until('the runtime to be idle', () =>
        page.$eval('[role=dialog] .runtime-card', (card) => /Idle since\s+(?!Not idle)/.test(card.innerText)),
      );
      await press(page, 'Escape');
      await notebook.waitState('cell-3', 'error');
      assert.match(await notebook.output('cell-3'), /KeyboardInterrupt/);
    });

    await t.step('running out of memory names the cell and ends its kernel only', async () => {
      await notebook.pressRun('cell-1');
      await notebook.waitPhase('dead');
      const text = await banner(/Cell 2 used all memory/);
      assert.match(text, /used all available memory[^]*variables are lost; files and installed packages stay/);
      await t.shot(page, 'memory');
      await neighbour.page.bringToFront();
      await neighbour.run('cell-1');
      assert.equal(await neighbour.stream('cell-1'), 'variable 42');
      await page.bringToFront();
      await notebook.button('Restart kernel');
      await notebook.waitPhase('ready');
    });

    await t.step('memory above 80 % is warned of, with who uses it', async () => {
      await notebook.pressRun('cell-2');
      const box = await page.waitForSelector('.nb-input input');
      const [{ meter }] = await runtimes();
      await box.type(String(Math.round(meter.memory_limit * 0.88 - meter.memory_bytes)));
      await press(page, 'Enter');
      assert.equal((await notebook.ended('cell-2')).state, 'ok');
      assert.match(await banner(/Memory is at (8|9)\d %/), /by this notebook/);
      assert.match(await page.$eval('[data-meter=memory]', (meterNow) => meterNow.dataset.level), /high|full/);
      await t.shot(page, 'high');
      await notebook.menu('Runtime', 'Restart kernel');
      await answerDialog(page, 'Restart');
      await notebook.waitPhase('ready');
      await until('the warning to go', async () => !/Memory is at/.test(await notebook.banners()));
    });

    if (!t.isFirefox)
      // Firefox asks in a window of its own, which no driver can answer.
      await t.step('notifications are switched on by a choice in the menu', async () => {
        await page.browserContext().overridePermissions(t.server.url, ['notifications']);
        await notebook.menu('Runtime', 'Notify me when runs end');
        await toast(/You will be told/);
        await role(page, 'menuitem', 'Runtime').click();
        await page.waitForSelector('[role=menuitemcheckbox][aria-checked=true]');
        await press(page, 'Escape');
      });

    await t.step('an idle end is warned of and put off by Keep it', async () => {
      policy('set', '--idle', '24s'); // half of it for the warning
      const text = await banner(/Your runtime ends in \d+(\.\d)? s/, 60_000);
      assert.match(text, /Keep it/);
      await t.shot(page, 'warning');
      await notebook.button('Keep it');
      await toast(/The runtime is kept/);
      await until('the warning to go', async () => !/ends in/.test(await notebook.banners()));
      assert.equal(await notebook.phase(), 'ready');
    });

    await t.step('without it the runtime is recycled, and the reason says what was lost and kept', async () => {
      policy('set', '--idle', '3s');
      await until('the end', async () => (await notebook.phase()) === 'ended', 90_000);
      const text = await notebook.banners();
      assert.match(text, /ended because nobody used it[^]*nobody used it for 3 seconds[^]*Lost:[^]*Kept:/);
      assert.equal(await notebook.stream('cell-0'), 'alive');
      await t.shot(page, 'recycled');
      policy('clear');
    });

    // Browsers report the refusal of the second reset by themselves.
    t.expectProblems(/status of 429/);
    await t.step('Reset all gives fresh runtimes, and the second time says when', async () => {
      await notebook.button('Connect');
      await notebook.waitPhase('ready');
      await notebook.menu('Runtime', 'Reset all runtimes');
      await page.waitForSelector('[role=dialog]');
      assert.match(await page.$eval('[role=dialog]', (dialog) => dialog.innerText), /Lost:[^]*Kept:/);
      await answerDialog(page, 'Reset all');
      await banner(/The runtime was reset/);
      await notebook.button('Connect');
      await notebook.waitPhase('ready');
      await notebook.menu('Runtime', 'Reset all runtimes');
      await answerDialog(page, 'Reset all');
      await toast(/You can reset them again in \d+ (minutes?|seconds)/);
      assert.equal(await notebook.phase(), 'ready');
    });

    await t.step('the page of sessions has the history and, for the owner, everyone’s', async () => {
      await page.goto(`${t.server.url}/runtimes`);
      await page.waitForSelector('.runtime-card .meter-fill');
      const reasons = await until('the history', () =>
        page.$$eval('.history-table tbody tr', (rows) => rows.length >= 2 && rows.map((row) => row.dataset.reason)),
      );
      assert.deepEqual(reasons.toSorted(), ['idle', 'reset']);
      await page.waitForSelector('.everyone-row');
      await looksRight(t, page, 'runtimes');
    });

    await t.step('the owner ends it from there, and the notebook says who did', async () => {
      await neighbour.page.bringToFront();
      await page.bringToFront();
      await role(page, 'button', 'End the runtime of Olga Owner').click();
      await answerDialog(page, 'End');
      await until('the list to be empty', async () => (await page.$('.everyone-row')) === null);
      await notebook.page.goto(`${t.server.url}/drive/${file.id}`);
      await notebook.ready();
      await banner(/ended by the owner of this server/);
    });
  },
  { env: { LABORA_RUNTIMES__MEMORY_BYTES: String(MEMORY), LABORA_RUNTIMES__METER_INTERVAL_S: '1' } },
);
