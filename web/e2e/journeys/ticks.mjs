// A running cell does not need its tab, nor the control plane: its output goes on and arrives whole, once.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { AWAY, journey } from '../src/journey.mjs';

const TICKS = 20;
const ticks = (seconds) =>
  `import time, os\nvariable = "kept"\nfor n in range(${TICKS}):\n    print("tick", n, flush=True)\n    time.sleep(${seconds})\nprint("done", os.getpid())`;
const whole = (text) => {
  const lines = text.split('\n');
  assert.deepEqual(
    lines.slice(0, TICKS),
    Array.from({ length: TICKS }, (_none, n) => `tick ${n}`),
  );
  assert.equal(lines.length, TICKS + 1);
  return Number(/^done (\d+)$/.exec(lines[TICKS])[1]);
};

await journey('ticks', async (t) => {
  let notebook;
  let pid;
  const lines = async () => (await notebook.stream('cell-0')).split('\n').length;
  const file = await t.notebook([ticks(0.5), 'print(os.getpid(), variable)']);

  await t.step('a tab closed during a running cell and opened again shows every tick, and the rest live', async () => {
    notebook = await t.open(file);
    await notebook.pressRun('cell-0');
    await until('some ticks', async () => (await lines()) > 3);
    const before = await lines();
    await notebook.page.browserContext().close();
    notebook = await t.open(file);
    const back = await until('ticks at once', lines);
    assert.ok(back >= before, `${back} lines after ${before}`);
    assert.equal((await notebook.cell('cell-0')).state, 'running');
    await until('live ticks', async () => (await lines()) > back);
    await notebook.ended('cell-0');
    pid = whole(await notebook.stream('cell-0'));
  });

  await t.step('a control plane killed during a running cell leaves kernel, variables and output whole', async () => {
    t.expectProblems(...AWAY);
    await notebook.pressRun('cell-0');
    await notebook.waitState('cell-0', 'running');
    await until('some ticks', async () => (await notebook.cell('cell-0')).state === 'running' && (await lines()) > 3);
    await t.server.kill();
    await notebook.waitSaveState('offline');
    await t.server.start();
    await notebook.waitSaved();
    assert.ok(['running', 'ok'].includes((await notebook.cell('cell-0')).state));
    await notebook.ended('cell-0', 1);
    assert.equal(whole(await notebook.stream('cell-0')), pid, 'the same kernel');
    await notebook.run('cell-1');
    assert.equal(await notebook.stream('cell-1'), `${pid} kept`);
  });

  await t.step('a reload shows the same, not doubled', async () => {
    await notebook.reload();
    assert.equal(whole(await notebook.stream('cell-0')), pid);
    assert.equal((await notebook.cell('cell-0')).count, 2);
  });
});
