// Run works the moment the page shows: it is queued, whatever has yet to start, and is never lost.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { AWAY, journey } from '../src/journey.mjs';
import { NotebookPage } from '../src/notebook.mjs';

await journey('run-at-once', async (t) => {
  let notebook;
  let page;

  await t.step('Run pressed in the first moment is queued, starts the runtime and runs', async () => {
    page = await t.signedIn();
    const file = await t.notebook(['print("first", 1 + 1)', 'import os; print("second", os.getcwd())']);
    await page.goto(`${t.server.url}/drive/${file.id}`, { waitUntil: 'domcontentloaded' });
    notebook = new NotebookPage(page);
    // Within the page, so that no round trip to the driver gives the page time to get ready.
    const pressed = await page.evaluate(
      () =>
        new Promise((resolve) => {
          const look = () => {
            const button = document.querySelector('section[data-cell="cell-0"] button[data-state]');
            if (!button) return requestAnimationFrame(look);
            button.click();
            requestAnimationFrame(() => requestAnimationFrame(() => resolve(button.dataset.state)));
          };
          look();
        }),
    );
    assert.ok(['queued', 'running', 'ok'].includes(pressed), pressed);
    assert.equal((await notebook.ended('cell-0')).state, 'ok');
    assert.equal(await notebook.stream('cell-0'), 'first 2');
  });

  await t.step('Run all right after a reload runs every cell once', async () => {
    await page.reload({ waitUntil: 'domcontentloaded' });
    await page.evaluate(
      () =>
        new Promise((resolve) => {
          const look = () => {
            const all = [...document.querySelectorAll('button')].find((button) => button.textContent === 'Run all');
            if (!all || all.disabled || !document.querySelector('section[data-cell]'))
              return requestAnimationFrame(look);
            all.click();
            resolve();
          };
          look();
        }),
    );
    await until('both runs', async () => {
      const [first, second] = await notebook.cells();
      return first?.count === 2 && second?.count === 3 && first.state === 'ok' && second.state === 'ok';
    });
    assert.equal(await notebook.stream('cell-1'), 'second /content');
  });

  await t.step('a run asked for while the server is away runs once when it is back', async () => {
    t.expectProblems(...AWAY);
    await t.server.kill();
    await notebook.waitSaveState('offline');
    await notebook.pressRun('cell-0');
    assert.equal((await notebook.cell('cell-0')).state, 'queued');
    await t.server.start();
    await until('the run', async () => {
      const cell = await notebook.cell('cell-0');
      return cell.count === 4 && cell.state === 'ok';
    });
    assert.equal(await notebook.stream('cell-0'), 'first 2');
    await notebook.waitSaved();
  });
});
