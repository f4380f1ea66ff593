// The first hour of a new owner: the setup link, the drive, the example, its results; and the tab closed in the middle.
import assert from 'node:assert/strict';
import { DrivePage } from '../src/drive.mjs';
import { journey, OWNER } from '../src/journey.mjs';
import { NotebookPage } from '../src/notebook.mjs';
import { until } from '../src/browser.mjs';
import { press, role } from '../src/ui.mjs';

await journey(
  'story',
  async (t) => {
    let page;
    let notebook;
    let address;

    await t.step('the setup link makes the owner and shows the drive', async () => {
      page = await t.stranger();
      await page.goto(t.server.setupLink);
      await role(page, 'textbox', 'Your name').fill(OWNER.name);
      await role(page, 'textbox', 'Sign-in name').fill(OWNER.login);
      await page.type('input[type=password]', OWNER.password);
      await press(page, 'Enter');
      await page.waitForFunction(() => location.pathname === '/');
      assert.deepEqual(await new DrivePage(page).ready(), ['Examples']);
    });

    await t.step('the setup link works once', async () => {
      const second = await t.stranger();
      await second.goto(t.server.setupLink);
      await second.waitForFunction(() => document.body.innerText.includes('used up'));
      await second.browserContext().close();
    });

    await t.step('the example opens from the Examples folder', async () => {
      const drive = new DrivePage(page);
      await drive.openFile('Examples');
      await drive.openFile('Fashion-MNIST in a minute.ipynb');
      notebook = await new NotebookPage(page).ready();
      await page.waitForSelector('section[data-cell]');
      address = page.url();
      assert.match(await page.title(), /^Fashion-MNIST in a minute/);
      await page.waitForSelector('.nb-text .katex');
    });

    let code;
    await t.step('Run all draws the sprite and shows the progress bar growing', async () => {
      code = (await notebook.cells()).filter((cell) => cell.kind === 'code').map((cell) => cell.id);
      await notebook.button('Run all');
      await notebook.ended(code[0]);
      await notebook.ended(code[1]);
      await page.$eval(`section[data-cell="${code[1]}"]`, (cell) => cell.scrollIntoView());
      const image = await page.waitForSelector(`section[data-cell="${code[1]}"] .nb-output img`);
      const size = () => image.evaluate((element) => element.complete && element.naturalWidth);
      assert.ok((await until('the sprite', size)) > 300);
      const percent = async () => Number(/(\d+)%/.exec(await notebook.stream(code[2], 'stderr'))?.[1] ?? 0);
      const early = await until('the bar', percent);
      await until('the bar to grow', async () => (await percent()) > early);
    });

    let early;
    await t.step('the tab is closed in the middle and opened again at another machine: the rest arrives', async () => {
      assert.equal((await notebook.cell(code[2])).state, 'running');
      early = await notebook.stream(code[2], 'stderr');
      await page.browserContext().close();
      page = await t.signIn(await t.stranger(), OWNER, new URL(address).pathname);
      notebook = await new NotebookPage(page).ready();
      await notebook.ended(code[2], null, 240_000);
      const bar = await notebook.stream(code[2], 'stderr');
      assert.match(bar, /100%/);
      assert.equal(bar.split('\n').length, early.split('\n').length, 'the bar stays one line');
    });

    await t.step('the loss is plotted, the accuracy is above 0.85 and the table is shown', async () => {
      const [, , , plot, accuracy, table] = code;
      await notebook.ended(table, null, 60_000);
      await page.$eval(`section[data-cell="${plot}"]`, (cell) => cell.scrollIntoView());
      await page.waitForSelector(`section[data-cell="${plot}"] .nb-output img`);
      const [, figure] = /^Test accuracy: (0\.8\d+|0\.9\d+)$/.exec(await notebook.stream(accuracy));
      assert.ok(Number(figure) > 0.85, figure);
      const frame = await notebook.frame(table);
      assert.match(await frame.evaluate(() => document.body.innerText), /most often taken for[^]*Ankle boot/);
      await t.shot(page, 'end');
    });
  },
  { prepare: false },
);
