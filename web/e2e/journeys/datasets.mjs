// Data sets: the panel says what is here and whom to credit, the owner fetches one, and its code runs at once.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { until } from '../src/browser.mjs';
import { journey } from '../src/journey.mjs';
import { looksRight } from '../src/looks.mjs';
import { NotebookPage } from '../src/notebook.mjs';
import { role } from '../src/ui.mjs';

const NAME = `leaves-${process.pid}`;
const LEAF = 'a leaf';

const stateOf = (page, name) => page.$eval(`[data-dataset="${name}"]`, (card) => card.dataset.state).catch(() => null);

/** A set of the operator's own, which lies on this machine. */
function publish(server) {
  const folder = path.join(server.dataDir, 'datasets.d');
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  writeFileSync(path.join(folder, 'leaf.txt'), LEAF);
  const sha256 = createHash('sha256').update(LEAF).digest('hex');
  const manifest = {
    name: NAME,
    title: 'Leaves',
    about: 'Leaves of one tree, photographed in our garden.',
    licence: 'CC BY 4.0',
    credit: 'Leaves, Department of Botany',
    citation: '@misc{leaves}',
    homepage: 'https://example.org/leaves',
    count: 1,
    code: `print(open("/opt/datasets/${NAME}/leaf.txt").read())`,
    files: [{ name: 'leaf.txt', sha256, addresses: [`file://${folder}/leaf.txt`] }],
  };
  writeFileSync(path.join(folder, 'leaves.json'), JSON.stringify(manifest));
}

await journey('datasets', async (t) => {
  const shelf = path.join(t.server.env.LABORA_STORAGE__IMAGES_DIR, 'datasets');
  try {
    let notebook;
    let page;

    await t.step('a machine has sample data and links to what the server holds', async () => {
      publish(t.server);
      page = await t.signedIn();
      const file = await t.notebook([
        'import json\nfile = "sample_data/anscombe.json"\nprint(len(json.load(open(file))))',
      ]);
      await page.goto(`${t.server.url}/drive/${file.id}`);
      notebook = await new NotebookPage(page).ready();
      await until(
        'the server to hold Fashion-MNIST',
        async () => {
          const { datasets } = await t.api.call('GET', '/datasets');
          return datasets.find((one) => one.name === 'fashion-mnist').state === 'held';
        },
        120_000,
      );
      await notebook.run('cell-0');
      assert.equal(await notebook.stream('cell-0'), '44');
    });

    await t.step('the panel shows every set with its licence and credit', async () => {
      await notebook.menu('Insert', 'Data sets');
      await page.waitForSelector('[data-dataset="fashion-mnist"][data-state="held"]');
      assert.equal(await stateOf(page, 'digits'), 'included');
      const kmnist = await page.$eval('[data-dataset="kmnist"]', (card) => card.innerText);
      assert.match(kmnist, /CC BY-SA 4\.0/);
      assert.match(kmnist, /created by CODH/);
      assert.match(kmnist, /70,000 pictures/);
      await looksRight(t, page, 'datasets');
    });

    await t.step('the owner fetches a set, and a machine that runs already sees it', async () => {
      assert.equal(await stateOf(page, NAME), 'missing');
      await role(page, 'button', 'Fetch: Leaves').click();
      await until('the set to be here', async () => (await stateOf(page, NAME)) === 'held');
      await role(page, 'button', 'Insert loading code: Leaves').click();
      const [, id] = await until('the cell', async () => {
        const ids = (await notebook.cells()).map((cell) => cell.id);
        return ids.length === 2 && ids;
      });
      await notebook.run(id);
      assert.equal(await notebook.stream(id), LEAF);
    });
  } finally {
    rmSync(path.join(shelf, NAME), { recursive: true, force: true });
    rmSync(path.join(shelf, '.fetching', `${NAME}.lock`), { force: true });
  }
});
