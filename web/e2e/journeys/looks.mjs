// Every page in light and dark, wide and narrow: axe-core finds nothing, and a picture is kept to look at.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { DrivePage } from '../src/drive.mjs';
import { journey, OWNER } from '../src/journey.mjs';
import { NotebookPage } from '../src/notebook.mjs';
import { press, role } from '../src/ui.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const LOOKS = ['light', 'dark'].flatMap((theme) => [1280, 390].map((width) => ({ theme, width })));

await journey(
  'looks',
  async (t) => {
    const page = await t.stranger();
    const check = async (what) => {
      await page.evaluate(AXE);
      const found = await page.evaluate(async () => {
        const { violations } = await window.axe.run(document, {
          // What is inside a frame of outputs is the author's.
          iframes: false,
        });
        return violations.flatMap(({ id, nodes }) =>
          nodes.map((node) => `${id}: ${node.target} ${node.failureSummary.split('\n')[1]?.trim()}`),
        );
      });
      assert.deepEqual(found, [], what);
    };
    const inEveryLook = async (what) => {
      for (const { theme, width } of LOOKS) {
        await page.setViewport({ width, height: 800 });
        await page.evaluate((name) => (document.documentElement.dataset.theme = name), theme);
        await page.evaluate(() => Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {}))));
        await t.shot(page, `${what}-${theme}-${width}`);
        await check(`${what} ${theme} ${width}`);
      }
      await page.setViewport({ width: 1280, height: 800 });
    };

    await t.step('the set-up page', async () => {
      await page.goto(t.server.setupLink);
      await page.waitForSelector('input[type=password]');
      await inEveryLook('setup');
      await role(page, 'textbox', 'Your name').fill(OWNER.name);
      await role(page, 'textbox', 'Sign-in name').fill(OWNER.login);
      await page.type('input[type=password]', OWNER.password);
      await press(page, 'Enter');
      await page.waitForFunction(() => location.pathname === '/');
    });

    await t.step('the drive and its share dialog', async () => {
      const drive = new DrivePage(page);
      await drive.openFile('Examples');
      await drive.waitFor('Fashion-MNIST in a minute.ipynb');
      await inEveryLook('drive');
      await drive.fileMenu('Fashion-MNIST in a minute.ipynb', 'Share');
      await page.waitForSelector('[role=dialog] .share-entry');
      await inEveryLook('share');
      await press(page, 'Escape');
    });

    await t.step('a notebook with text, code and outputs', async () => {
      await t.api.call('POST', '/login', { login: OWNER.login, password: OWNER.password });
      const file = await t.notebook([
        { cell_type: 'markdown', source: '# Title\n\nText with `code`, a [link](https://example.org) and $x^2$.' },
        'import sys\nprint("\\x1b[31mred\\x1b[0m")\nprint("warning", file=sys.stderr)\n1 / 0',
        '# a comment\nfor n in range(3):\n    print("text", n, None, 1.5)',
      ]);
      await page.goto(`${t.server.url}/drive/${file.id}`);
      const notebook = await new NotebookPage(page).ready();
      await notebook.run('cell-2');
      await notebook.run('cell-1');
      await inEveryLook('notebook');
    });

    await t.step('the sign-in page', async () => {
      await page.deleteCookie(...(await page.cookies()));
      await page.goto(`${t.server.url}/login`);
      await page.waitForSelector('input[name=login]');
      await inEveryLook('login');
    });
  },
  { prepare: false },
);
