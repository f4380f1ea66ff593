// drive.mount: the page asks, code writes and reads the drive, and unmounting leaves everything in it.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { DrivePage } from '../src/drive.mjs';
import { AWAY, journey } from '../src/journey.mjs';
import { answerDialog } from '../src/ui.mjs';

const CELLS = [
  'from google.colab import drive\ndrive.mount("/content/drive")',
  'with open("/content/drive/MyDrive/table.csv", "w") as file:\n    file.write("a,b\\n1,2\\n")\nprint("written")',
  'print(open("/content/drive/My Drive/table.csv").read())',
  'import os\ndrive.flush_and_unmount()\nprint(os.listdir("/content/drive"))',
  'drive.mount("/content/drive")\nprint(sorted(os.listdir("/content/drive/MyDrive"))[-1])',
];
const QUESTION = 'Permit this notebook to access your drive?';

await journey('mount', async (t) => {
  const file = await t.notebook(CELLS);
  const notebook = await t.open(file);
  const { page } = notebook;
  const asked = () =>
    page.waitForFunction((text) => document.querySelector('[role=dialog]')?.innerText.includes(text), {}, QUESTION);

  await t.step('nothing is mounted without consent', async () => {
    await notebook.pressRun('cell-0');
    await asked();
    await answerDialog(page, 'No, thanks');
    assert.equal((await notebook.ended('cell-0')).state, 'error');
    assert.match(await notebook.output('cell-0'), /not permitted/);
  });

  await t.step('a reload asks again what was not answered, and Permit mounts', async () => {
    await notebook.pressRun('cell-0');
    await asked();
    await notebook.reload();
    await asked();
    await page.click('[role=dialog] input[type=checkbox]');
    await answerDialog(page, 'Permit');
    assert.equal((await notebook.ended('cell-0', 1)).state, 'ok');
    assert.equal(await notebook.stream('cell-0'), 'Mounted at /content/drive');
    await notebook.run('cell-0');
    assert.match(await notebook.stream('cell-0'), /Drive already mounted at \/content\/drive; to attempt/);
  });

  await t.step('what code writes is in the drive page, and is read back', async () => {
    await notebook.run('cell-1');
    assert.equal(await notebook.stream('cell-1'), 'written');
    const there = await t.signedIn();
    await there.goto(t.server.url);
    const drive = new DrivePage(there);
    await drive.waitFor('table.csv');
    await there.close();
    await notebook.run('cell-2');
    assert.match(await notebook.stream('cell-2'), /a,b\n1,2/);
  });

  await t.step('unmounting takes the folder away', async () => {
    await notebook.run('cell-3');
    assert.equal(await notebook.stream('cell-3'), '[]');
  });

  await t.step('what was permitted always is not asked again', async () => {
    await notebook.run('cell-4');
    assert.equal(await notebook.stream('cell-4'), 'Mounted at /content/drive\ntable.csv');
    assert.equal(await page.$('[role=dialog]'), null);
  });

  await t.step('a server that is started again finds the mount', async () => {
    t.expectProblems(...AWAY);
    await t.server.kill('SIGTERM');
    await t.server.start();
    await notebook.waitPhase('ready');
    await until('the drive to answer', async () => {
      await notebook.run('cell-2');
      return /a,b/.test(await notebook.stream('cell-2'));
    });
  });

  await t.step('Settings name the notebook, and make it ask again', async () => {
    await notebook.run('cell-3');
    const settings = await t.signedIn();
    await settings.goto(`${t.server.url}/settings`);
    const row = await settings.waitForSelector('section[aria-label="Notebooks with your drive"] li button');
    await row.click();
    await settings.waitForFunction(() => document.body.innerText.includes('Every notebook asks first.'));
    await settings.close();
    await notebook.pressRun('cell-4');
    await asked();
    await answerDialog(page, 'No, thanks');
  });
});
