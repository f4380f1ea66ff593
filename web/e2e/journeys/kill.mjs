// The server is killed with -9 while somebody types without a pause: nothing that was typed is lost or doubled.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { AWAY, journey } from '../src/journey.mjs';

const SEED = Number(process.env.LABORA_SEED ?? Date.now() % 1_000_000);
/** A small generator of numbers (mulberry32), so that a seed repeats a run's text. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

await journey('kill', async (t) => {
  t.expectProblems(...AWAY);
  console.log(`  seed ${SEED}`);
  const next = random(SEED);
  const word = () => `${Math.floor(next() * 1e6).toString(36)} `;
  const file = await t.notebook(['# typed: ', 'print("untouched")']);
  const notebook = await t.open(file);
  let typed = '# typed: ';
  const states = new Set();
  const type = async (words) => {
    for (let at = 0; at < words; at++) {
      const text = word();
      await notebook.type(text);
      typed += text;
      states.add(await notebook.saveState());
    }
  };

  await t.step('typing is saved', async () => {
    await notebook.edit('cell-0');
    await type(5);
    await notebook.waitSaved();
  });

  for (const round of [1, 2, 3]) {
    await t.step(`round ${round}: killed while typing, typing goes on, all of it is there`, async () => {
      states.clear();
      await type(1 + Math.floor(next() * 6));
      const kill = t.server.kill();
      await type(3);
      await kill;
      await notebook.waitSaveState('offline');
      await type(5);
      assert.ok(states.has('offline'), [...states].join());
      await Promise.all([t.server.start(), type(5)]);
      await notebook.waitSaved();
      assert.equal((await notebook.cell('cell-0')).source, typed);
      const stored = await t.api.call('GET', `/files/${file.id}/download`);
      assert.equal([stored.cells[0].source].flat().join(''), typed, 'what the server has');
      assert.equal(stored.cells.length, 2);
    });
  }

  await t.step('killed at once after the page says Saved: the server has it', async () => {
    await notebook.edit('cell-0');
    await type(2);
    await notebook.waitSaved();
    await t.server.kill();
    await t.server.start();
    const stored = await t.api.call('GET', `/files/${file.id}/download`);
    assert.equal([stored.cells[0].source].flat().join(''), typed);
  });

  await t.step('typed while the server is away, and the page reloaded once it is back: kept', async () => {
    await t.server.kill();
    await notebook.waitSaveState('offline');
    await notebook.edit('cell-0');
    await type(3);
    // The page writes what is unsaved into its store before it goes.
    await t.server.start();
    await notebook.reload();
    await notebook.waitSaved();
    await until('the text', async () => (await notebook.cell('cell-0')).source === typed);
    assert.deepEqual(
      (await notebook.cells()).map((cell) => cell.id),
      ['cell-0', 'cell-1'],
    );
  });
});
