// The kernel under a notebook: input over a reload, interrupt, death, restart, disconnect.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { journey } from '../src/journey.mjs';
import { answerDialog, press } from '../src/ui.mjs';

const CELLS = [
  'name = input("Your name? ")\nprint("Hello", name)',
  'import getpass\nsecret = getpass.getpass("Secret: ")\nprint(len(secret))',
  'import time\nprint("asleep", flush=True)\ntime.sleep(600)',
  'variable = 41',
  'variable += 1\nprint("variable", variable)',
  'import os, time\nprint("dying", flush=True)\ntime.sleep(0.5)\nos._exit(7)',
  'raise ValueError("stop here")',
  'print("not reached")',
];

await journey('kernel', async (t) => {
  const file = await t.notebook(CELLS);
  const notebook = await t.open(file);
  const { page } = notebook;
  const restart = async () => {
    await answerDialog(page, 'Restart');
    await notebook.waitPhase('ready');
  };

  await t.step('input() waits, survives a reload and is answered', async () => {
    await notebook.pressRun('cell-0');
    await page.waitForSelector('.nb-input input');
    await notebook.reload();
    const box = await page.waitForSelector('section[data-cell="cell-0"] .nb-input input');
    assert.match(await notebook.output('cell-0'), /Your name\?/);
    assert.equal((await notebook.cell('cell-0')).state, 'running');
    await box.type('Ada');
    await press(page, 'Enter');
    assert.equal((await notebook.ended('cell-0')).state, 'ok');
    assert.match(await notebook.stream('cell-0'), /Hello Ada$/);
    assert.equal(await page.$('.nb-input'), null);
  });

  await t.step('a password is not shown, nor kept in the output', async () => {
    await notebook.pressRun('cell-1');
    const box = await page.waitForSelector('.nb-input input[type=password]');
    await box.type('hunter2');
    await notebook.button('Send');
    await notebook.ended('cell-1');
    assert.match(await notebook.stream('cell-1'), /7$/);
    assert.ok(!(await page.content()).includes('hunter2'));
  });

  const asleep = async () => {
    await notebook.pressRun('cell-2');
    await notebook.waitState('cell-2', 'running');
    await until('the cell to sleep', async () => (await notebook.stream('cell-2')) === 'asleep');
    await notebook.waitPhase('busy');
  };
  const interrupted = async () => {
    await notebook.waitState('cell-2', 'error');
    assert.match(await notebook.output('cell-2'), /KeyboardInterrupt/);
    await notebook.waitPhase('ready');
  };

  await t.step('a sleeping cell is stopped by its own button', async () => {
    await asleep();
    await notebook.pressRun('cell-2');
    await interrupted();
  });

  await t.step('a sleeping cell is interrupted by Ctrl+M I', async () => {
    await asleep();
    await press(page, 'Ctrl+M I');
    await interrupted();
  });

  await t.step('a sleeping cell is interrupted by the runtime menu', async () => {
    await asleep();
    await notebook.runtimeMenu('Interrupt execution');
    await interrupted();
  });

  await t.step('a queued cell is taken out of the queue', async () => {
    await asleep();
    await notebook.pressRun('cell-3');
    await notebook.waitState('cell-3', 'queued');
    await notebook.pressRun('cell-3');
    await until('it to leave the queue', async () => (await notebook.cell('cell-3')).state !== 'queued');
    assert.equal((await notebook.cell('cell-3')).count, null);
    await press(page, 'Ctrl+M I');
    await interrupted();
  });

  await t.step('an error stops the cells behind it', async () => {
    await notebook.select('cell-6');
    await notebook.menu('Runtime', 'Run cell and below');
    await notebook.ended('cell-6');
    assert.match(await notebook.output('cell-6'), /ValueError[^]*stop here/);
    assert.equal((await notebook.ended('cell-7')).state, 'aborted');
    assert.equal(await notebook.stream('cell-7'), '');
  });

  await t.step('a restart clears the variables and keeps the outputs', async () => {
    await notebook.run('cell-3');
    await notebook.run('cell-4');
    assert.equal(await notebook.stream('cell-4'), 'variable 42');
    await notebook.menu('Runtime', 'Restart kernel');
    await restart();
    assert.equal(await notebook.stream('cell-4'), 'variable 42');
    await notebook.pressRun('cell-4');
    await notebook.waitState('cell-4', 'error');
    assert.match(await notebook.output('cell-4'), /NameError/);
    assert.equal((await notebook.cell('cell-4')).count, 1);
  });

  await t.step('the death of the kernel is explained, and it starts again', async () => {
    await notebook.pressRun('cell-5');
    await notebook.waitPhase('dead');
    const state = await until('the cell to end', async () => {
      const cell = await notebook.cell('cell-5');
      return ['aborted', 'error', 'lost'].includes(cell.state) ? cell.state : null;
    });
    assert.ok(state);
    assert.equal(await notebook.stream('cell-5'), 'dying');
    assert.match(await notebook.banners(), /kernel stopped[^]*7[^]*variables are lost/i);
    await t.shot(page, 'dead');
    await notebook.button('Restart kernel');
    await notebook.waitPhase('ready');
    await notebook.run('cell-3');
    assert.doesNotMatch(await notebook.banners(), /kernel stopped/i);
  });

  await t.step('Disconnect and delete ends the runtime after a question, and Connect makes a fresh one', async () => {
    await notebook.menu('Runtime', 'Disconnect and delete runtime');
    await answerDialog(page, 'Cancel');
    assert.equal(await notebook.phase(), 'ready');
    await notebook.runtimeMenu('Disconnect and delete runtime');
    await answerDialog(page, 'Delete runtime');
    await until('the end', async () => ['ended', 'connect'].includes(await notebook.phase()));
    assert.match(await notebook.banners(), /runtime has ended[^]*outputs are safe/i);
    assert.equal(await notebook.stream('cell-5'), 'dying');
    await notebook.button('Connect');
    await notebook.waitPhase('ready');
    await notebook.pressRun('cell-4');
    await notebook.waitState('cell-4', 'error');
  });
});
