// A client that was cut off edits on; its room leaves the server's memory meanwhile; then all edits are merged.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { AWAY, journey } from '../src/journey.mjs';
import { press } from '../src/ui.mjs';

const env = { LABORA_ROOMS__EVICT_AFTER_S: '1', LABORA_ROOMS__CHECKPOINT_QUIET_S: '0.5' };

await journey(
  'offline',
  async (t) => {
    t.expectProblems(...AWAY);
    const file = await t.notebook(['one', 'two', 'three']);
    const colleague = await t.colleague('Emil Editor', 'emil');
    await t.api.call('POST', `/files/${file.id}/permissions`, { account_id: colleague.id, role: 'editor' });
    const notebook = await t.open(file);
    const { page } = notebook;
    const cut = async () => {
      if (t.isFirefox) await t.server.kill('SIGTERM');
      else await page.setOfflineMode(true);
      await notebook.waitSaveState('offline', 60_000);
    };
    const mend = async () => {
      if (t.isFirefox) await t.server.start();
      else await page.setOfflineMode(false);
    };
    const stored = async () => {
      const notebookFile = await t.api.call('GET', `/files/${file.id}/download`);
      return notebookFile.cells.map((cell) => [cell.source].flat().join(''));
    };
    let expected;

    await t.step('cut off, the page says so and takes edits: text, a new cell, a deleted and a moved one', async () => {
      await cut();
      await notebook.edit('cell-0');
      await notebook.type(' offline');
      await press(page, 'Escape');
      await press(page, 'Ctrl+M B');
      await notebook.type('new cell');
      await press(page, 'Escape');
      await notebook.select('cell-1');
      await press(page, 'Ctrl+M D');
      await notebook.select('cell-2');
      await press(page, 'Ctrl+M K');
      expected = ['one offline', 'three', 'new cell'];
      await until('the cells', async () => JSON.stringify(await notebook.sources()) === JSON.stringify(expected));
      assert.match(await page.$eval('[data-save]', (label) => label.innerText), /Offline: \d+ changes? kept here/);
      await until('the explanation', async () => /kept in this browser/.test(await notebook.banners()));
    });

    if (!t.isFirefox) {
      await t.step('meanwhile the other edits and leaves, and the room leaves memory', async () => {
        const other = await t.open(file, { account: colleague });
        await other.edit('cell-2');
        await other.type(' by Emil');
        await other.waitSaved();
        await other.page.browserContext().close();
        await until('the edit in the file', async () => (await stored()).includes('three by Emil'));
        expected[1] = 'three by Emil';
        // One second without sockets: the socket that was cut counts as gone once its pings fail or the page is closed.
        await page.bringToFront();
      });
    }

    await t.step('back on line everything is merged, nothing doubled', async () => {
      await mend();
      await notebook.waitSaved(60_000);
      await until('the merged cells', async () => {
        const now = await notebook.sources();
        return JSON.stringify(now) === JSON.stringify(expected) || Promise.reject(new Error(JSON.stringify(now)));
      });
      await until('the same in the file', async () => JSON.stringify(await stored()) === JSON.stringify(expected));
    });

    await t.step('edits made off line survive that the page is left and opened again', async () => {
      await cut();
      await notebook.edit('cell-0');
      await notebook.type(' again');
      expected[0] += ' again';
      // What is unsaved goes into the browser's store within 150 ms; a person who closes a tab takes longer.
      await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 500)));
      await page.goto('about:blank');
      await mend();
      await until('the server', () => t.api.call('GET', '/instance'));
      const { page: back } = await t.open(file, { page });
      assert.equal(back, page);
      await notebook.waitSaved();
      await until('the merged cells', async () => {
        const now = await notebook.sources();
        return JSON.stringify(now) === JSON.stringify(expected) || Promise.reject(new Error(JSON.stringify(now)));
      });
      assert.equal(new Set((await notebook.cells()).map((cell) => cell.id)).size, 3);
      await until('the same in the file', async () => JSON.stringify(await stored()) === JSON.stringify(expected));
    });

    await t.step('once the browser keeps the app, its pages open without the server', async () => {
      await until('the app to be kept', () =>
        page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.active?.state === 'activated'),
      );
      await page.evaluate(() => navigator.serviceWorker.ready.then(() => {}));
      await cut();
      await notebook.reload();
      await until('the kept notebook', async () => (await notebook.cells()).length === 3);
      await mend();
      await notebook.waitSaved(60_000);
    });

    await t.step('a page left alone while its room left memory goes on as before', async () => {
      const before = await notebook.sources();
      await page.goto('about:blank');
      await until('the room to be evicted', async () => {
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        return true;
      });
      await t.open(file, { page });
      assert.deepEqual(await notebook.sources(), before);
      await notebook.edit('cell-0');
      await notebook.type('!');
      await notebook.waitSaved();
    });
  },
  { env },
);
