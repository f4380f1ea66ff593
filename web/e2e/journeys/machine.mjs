// What becomes of a run when the server, the host, both, or the whole machine goes down and comes back.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { AWAY, journey } from '../src/journey.mjs';
import { hostOf, killAll, powerOff } from '../src/machine.mjs';

const LINES = 60;
const CELLS = [
  '# notes',
  `import time\nfor number in range(${LINES}):\n    print("line", number, flush=True)\n    time.sleep(0.06)`,
  'variable = 42',
  'print("variable", variable)',
  'import time\nprint("asleep", flush=True)\ntime.sleep(600)',
  'print("waits its turn")',
];
const PRINTED = Array.from({ length: LINES }, (_, number) => `line ${number}`).join('\n');

await journey('machine', async (t) => {
  t.expectProblems(...AWAY);
  const file = await t.notebook(CELLS);
  const notebook = await t.open(file);
  const begun = async (id, pattern) => {
    const { count } = await notebook.cell(id);
    await notebook.pressRun(id);
    await notebook.waitState(id, 'running');
    await until(`${id} to say ${pattern}`, async () => pattern.test(await notebook.stream(id)));
    return count ?? 0;
  };

  const falls = {
    'the server': async () => {
      await t.server.kill();
      await t.server.start();
    },
    'the host': () => killAll([hostOf(t.server)]),
    'the server and the host': async () => {
      await Promise.all([t.server.kill(), killAll([hostOf(t.server)])]);
      await t.server.start();
    },
  };
  await notebook.run('cell-2');
  for (const [victim, fall] of Object.entries(falls))
    await t.step(`${victim}, killed during a run: it goes on, with every line`, async () => {
      const before = await begun('cell-1', /line 3\nline \d\b/);
      await fall();
      assert.equal((await notebook.ended('cell-1', before)).state, 'ok');
      assert.equal(await notebook.stream('cell-1'), PRINTED);
      await notebook.run('cell-3');
      assert.equal(await notebook.stream('cell-3'), 'variable 42', 'the same kernel');
    });

  await t.step('the machine is restarted during a run: the notebook says so, and what was there is there', async () => {
    await notebook.edit('cell-0');
    await notebook.type(', typed before');
    await notebook.waitSaved();
    await begun('cell-4', /asleep/);
    await notebook.pressRun('cell-5');
    await notebook.waitState('cell-5', 'queued');
    await powerOff(t.server);
    await notebook.waitSaveState('offline');
    await t.server.start();
    await until('the end of the runtime', async () => (await notebook.phase()) === 'ended', 60_000);
    const text = await notebook.banners();
    assert.match(text, /The machine was restarted, and the runtime ended with it\.[^]*Lost:[^]*Kept:/);
    assert.equal((await notebook.cell('cell-0')).source, '# notes, typed before');
    assert.equal(await notebook.stream('cell-4'), 'asleep');
    assert.equal(await notebook.stream('cell-1'), PRINTED);
    await t.shot(notebook.page, 'restarted');
  });

  await t.step('nothing of the old runtime is left, and the next one works', async () => {
    assert.deepEqual((await t.api.call('GET', '/runtimes')).runtimes, []);
    const { runtimes } = await t.api.call('GET', '/runtimes/history');
    assert.deepEqual(
      runtimes.map(({ reason }) => reason),
      ['lost'],
    );
    await notebook.button('Connect again');
    await notebook.waitPhase('ready');
    await notebook.run('cell-5');
    assert.equal(await notebook.stream('cell-5'), 'waits its turn');
    await notebook.pressRun('cell-3');
    await notebook.waitState('cell-3', 'error');
    assert.match(await notebook.output('cell-3'), /NameError/);
    assert.equal((await t.api.call('GET', `/files/${file.id}/download`)).cells.length, CELLS.length);
  });
});
