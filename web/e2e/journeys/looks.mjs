// Every page in light and dark, wide and narrow: axe-core finds nothing, and a picture is kept to look at.
import { DrivePage } from '../src/drive.mjs';
import { journey, OWNER } from '../src/journey.mjs';
import { looksRight } from '../src/looks.mjs';
import { NotebookPage } from '../src/notebook.mjs';
import { press, role } from '../src/ui.mjs';

await journey(
  'looks',
  async (t) => {
    const page = await t.stranger();
    const inEveryLook = (what) => looksRight(t, page, what);

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
