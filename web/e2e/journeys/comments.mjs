// What people say about a notebook: a commenter and its owner, ranges that follow the text, mentions, answers, what was
// resolved, drafts, links; and what must not work.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { journey } from '../src/journey.mjs';
import { looksRight } from '../src/looks.mjs';
import { answerDialog, chooseItem, press, role, toasts } from '../src/ui.mjs';

const CELLS = [
  'rate = 0.07\ntotal = price * rate',
  'print("second")',
  { cell_type: 'markdown', source: '# Notes\nSome text.' },
];
const HOSTILE = `<img src=x onerror="document.title='owned'"> <script>document.title='owned'</script>
[click](javascript:document.title='owned') <form action=/api/v1/logout><button id=main>go</button></form>
<div class="nb-ended" style="position:fixed;inset:0;z-index:99">cover</div> @[<b>x</b>](account:abc)`;

const cell = (id) => `section[data-cell="${id}"]`;
/** The text that is marked in a cell, as a person sees it. */
const marked = (page, id) =>
  page.$$eval(`${cell(id)} .nb-comment-range`, (parts) => parts.map((part) => part.textContent).join(''));
const cards = (page, where = '.nb-comments-list') =>
  page.$$eval(`${where} article.comment-card`, (found) => found.map((card) => card.innerText.replace(/\s+/g, ' ')));
const front = async (one) => {
  await one.page.bringToFront();
  return one;
};

await journey(
  'comments',
  async (t) => {
    const cara = await t.colleague('Cara Commenter', 'cara');
    await t.colleague('Zoe Outside', 'zoe');
    const file = await t.notebook(CELLS, 'Talk.ipynb');
    await t.api.call('POST', `/files/${file.id}/permissions`, { account_id: cara.id, role: 'commenter' });
    let olga;
    let hers;
    let comment;

    await t.step('a commenter says something about a piece of code, and mentions the owner', async () => {
      [olga, hers] = [await t.open(file), await t.open(file, { account: cara })];
      const { page } = await front(hers);
      await hers.edit('cell-0');
      await press(page, 'Shift+Home');
      await page.waitForSelector('.nb-comment-here');
      await press(page, 'Ctrl+Alt+M');
      await page.waitForSelector(`${cell('cell-0')} .comment-composer textarea:focus`);
      await hers.type('Is this *right*, @ol');
      await page.waitForSelector('.comment-people [role=option]');
      await press(page, 'Enter');
      await hers.type('?');
      await press(page, 'Ctrl+Enter');
      await page.waitForSelector(`${cell('cell-0')} article.comment-card .comment-mention`);
      assert.equal(await hers.saveState(), 'read-only');
      await page.hover(cell('cell-2'));
      await page.locator(`${cell('cell-2')} > .nb-cell-tools button`).click();
      await page.waitForSelector(`${cell('cell-2')} textarea:focus`);
      await press(page, 'Escape');
      await until('nothing begun', async () => (await page.$(`${cell('cell-2')} textarea`)) === null);
    });

    await t.step('the owner sees it at once: the mark, the number, the words', async () => {
      const { page } = await front(olga);
      await page.waitForSelector(`${cell('cell-0')} .nb-comment-marker`);
      assert.equal(await marked(page, 'cell-0'), 'total = price * rate');
      await role(page, 'button', '1 comment on this cell').click();
      const card = await page.waitForSelector(`${cell('cell-0')} article.comment-card`);
      await page.waitForSelector('.comment-text em');
      assert.match(await card.evaluate((one) => one.innerText), /Cara Commenter[^]*Is this right, @Olga Owner\s?\?/);
      comment = await card.evaluate((one) => one.dataset.comment);
    });

    await t.step(
      'the mark follows the text for both, and finds it again when it was deleted and taken back',
      async () => {
        await olga.edit('cell-0');
        await press(olga.page, 'Ctrl+Home');
        await olga.type('# of tax\n');
        await press(olga.page, 'Ctrl+End');
        await olga.type(' + 1');
        for (const one of [olga, hers])
          await until('the mark', async () => (await marked(one.page, 'cell-0')) === 'total = price * rate');
        await role(olga.page, 'button', 'Comments, 1 open').click();
        await olga.page.focus(`${cell('cell-0')} .cm-content`);
        await olga.retype('nothing');
        await until('the loss', async () => /This text was deleted/.test((await cards(olga.page)).join()));
        assert.equal(await marked(hers.page, 'cell-0'), '');
        await olga.page.focus(`${cell('cell-0')} .cm-content`);
        await press(olga.page, 'Ctrl+Z Ctrl+Z');
        for (const one of [olga, hers])
          await until('the mark again', async () => (await marked(one.page, 'cell-0')) === 'total = price * rate');
        await until('no loss', async () => !/This text was deleted/.test((await cards(olga.page)).join()));
      },
    );

    await t.step('an answer is seen by the other; what is resolved leaves, and is found under its filter', async () => {
      const { page } = await front(olga);
      await page.locator('.nb-comments-list textarea').fill('It is: `0.07` since May.');
      await press(page, 'Ctrl+Enter');
      await hers.page.waitForFunction(() => /since May/.test(document.querySelector('.nb-comments')?.innerText ?? ''));
      await page.locator('.nb-comments-list button[aria-label=Resolve]').click();
      await hers.page.waitForFunction(() => !document.querySelector('.nb-comment-marker, .nb-comment-range'));
      await until('the empty list', async () =>
        /No open comments/.test(await page.$eval('.nb-comments-list', (e) => e.innerText)),
      );
      await role(page, 'button', 'Resolved').click();
      await until('the resolved one', async () => /Resolved by Olga Owner/.test((await cards(page)).join()));
      await page.locator('.nb-comments-list button[aria-label=Reopen]').click();
      await role(page, 'button', 'Open').click();
      await hers.page.waitForSelector('.nb-comment-marker');
    });

    await t.step('what is too long stays, with the reason, until it is discarded', async () => {
      const { page } = await front(olga);
      t.expectProblems(/413/);
      const note = '.nb-comments-note textarea';
      await page.focus(note);
      await page.evaluate(() => document.execCommand('insertText', false, 'long '.repeat(61)));
      await press(page, 'Ctrl+Enter');
      await page.waitForSelector('.comment-failed');
      assert.match(
        await page.$eval('.comment-failed', (e) => e.innerText),
        /Not sent. This comment is longer than 300/,
      );
      await olga.reload();
      await page.waitForSelector('.comment-failed');
      await role(page, 'button', 'Discard').click();
      await until('its end', async () => (await page.$('.comment-failed')) === null);
    });

    await t.step('a draft outlives a reload; who is mentioned without access can be let in', async () => {
      const { page } = await front(olga);
      await olga.select('cell-1');
      await press(page, 'Ctrl+Alt+M');
      await page.waitForSelector(`${cell('cell-1')} textarea:focus`);
      await olga.type('Ask @zoe');
      await page.waitForSelector('.comment-people [role=option]');
      await press(page, 'Enter');
      await page.waitForSelector('.comment-outside');
      await olga.reload();
      await page.waitForSelector(`${cell('cell-1')} .comment-composer textarea`);
      const draft = await page.$eval(`${cell('cell-1')} textarea`, (field) => field.value);
      assert.match(draft, /^Ask @Zoe Outside/);
      await page.focus(`${cell('cell-1')} textarea`);
      await olga.page.keyboard.press('Backspace');
      await olga.type(', or @zoe');
      await page.waitForSelector('.comment-people [role=option]');
      await press(page, 'Enter');
      await role(page, 'button', 'Let Zoe Outside comment').click();
      await until('the message', async () => (await toasts(page)).some((one) => /may comment now/.test(one)));
      await page.focus(`${cell('cell-1')} textarea`);
      await press(page, 'Ctrl+Enter');
      await until('it in the list', async () => /Ask @Zoe Outside/.test((await cards(page)).at(-1)));
    });

    await t.step('nobody changes the words of another, and what is hostile in them is text', async () => {
      await t.api.call('POST', `/files/${file.id}/comments`, { content: HOSTILE.slice(0, 290), cell_id: 'cell-2' });
      await t.api.call('POST', `/files/${file.id}/comments`, { content: HOSTILE.slice(230), cell_id: 'cell-2' });
      const { page } = await front(hers);
      await role(page, 'button', '2 comments on this cell').click();
      await page.waitForSelector(`${cell('cell-2')} .comment-text`);
      await until('the text', async () => /click/.test(await page.$eval(cell('cell-2'), (e) => e.innerText)));
      assert.match(await page.title(), /^Talk/);
      const bad = `${cell('cell-2')} .comment-text :is(script, form, button, [id="main"], .nb-ended, a[href^="javascript"], [style*=fixed])`;
      assert.equal(await page.$(bad), null);
      await page.locator(`${cell('cell-2')} article.comment-card button[aria-label=More]`).click();
      await page.waitForSelector('.ui-menu-label');
      const offered = await page.$$eval('.ui-menu-label', (items) => items.map((item) => item.textContent.trim()));
      assert.deepEqual(offered, ['Copy link']);
      await press(page, 'Escape');
    });

    await t.step('the list is gone through with the keyboard, looks right, and its owner deletes', async () => {
      const { page } = await front(olga);
      await until('all in order', async () => (await cards(page)).length === 4);
      await page.focus('.nb-comments-list article.comment-card');
      await press(page, 'ArrowDown');
      assert.match(await page.evaluate(() => document.activeElement.innerText), /Code cell 2/);
      await press(page, 'Enter');
      assert.equal((await olga.activeCell()).id, 'cell-1');
      await looksRight(t, page, 'panel');
      for (let left = 4; left > 2; left--) {
        await (await page.$$('.nb-comments-list article.comment-card button[aria-label=More]')).at(-1).click();
        await chooseItem(page, 'Delete');
        await answerDialog(page, 'Delete');
        await until('one less', async () => (await cards(page)).length === left - 1);
      }
      await until('the same there', async () => (await hers.page.$(`${cell('cell-2')} .nb-comment-marker`)) === null);
    });

    await t.step('a link leads to a comment, also to one whose cell is gone', async () => {
      const { page } = await front(olga);
      await role(page, 'button', 'Close comments').click();
      await page.goto('about:blank');
      await page.goto(`${t.server.url}/drive/${file.id}#comment=${comment}`);
      await page.waitForSelector(`${cell('cell-0')} article.comment-card-active:focus`);
      await looksRight(t, page, 'card');
      await olga.select('cell-0');
      await press(page, 'Ctrl+M D');
      await page.goto('about:blank');
      await page.goto(`${t.server.url}/drive/${file.id}#comment=${comment}`);
      await page.waitForSelector('.nb-comments-panel article.comment-card-active');
      assert.match((await cards(page)).at(-1), /Deleted cell total = price \* rate The cell was deleted/);
    });

    await t.step('whoever becomes a viewer goes on reading and writes no more', async () => {
      const { permissions } = await t.api.call('GET', `/files/${file.id}/permissions`);
      const given = permissions.find((one) => one.login === 'cara');
      await t.api.call('PATCH', `/files/${file.id}/permissions/${given.id}`, { role: 'viewer' });
      const { page } = await front(hers);
      await role(page, 'button', 'Comments, 2 open').click();
      await page.waitForFunction(() => !document.querySelector('.comment-composer'));
      assert.equal((await cards(page)).length, 2);
    });

    await t.step('other files have comments on their page', async () => {
      const query = new URLSearchParams({ parent: 'root', name: 'data.csv' });
      const data = await t.api.call('POST', `/files/upload?${query}`, 'a,b\n1,2\n');
      const { page } = await front(olga);
      await page.goto(`${t.server.url}/drive/${data.id}`);
      await page.locator('.file-comments textarea').fill('Where is this from?');
      await page.focus('.file-comments textarea');
      await press(page, 'Ctrl+Enter');
      await page.waitForSelector('.file-comments article.comment-card');
      await looksRight(t, page, 'file');
      const [said] = (await t.api.call('GET', `/files/${data.id}/comments`)).comments;
      await page.evaluate((id) => (location.hash = `comment=${id}`), said.id);
      await page.waitForSelector('.file-comments article.comment-card-active:focus');
      // Followed again, the same link leads there again.
      await page.evaluate(() => {
        document.activeElement.blur();
        dispatchEvent(new HashChangeEvent('hashchange'));
      });
      await page.waitForSelector('.file-comments article.comment-card-active:focus');
      await t.api.call('POST', `/files/${data.id}/permissions`, { kind: 'anyone', role: 'viewer' });
      t.expectProblems(/401/);
      const guest = await t.stranger();
      await guest.goto(`${t.server.url}/drive/${data.id}`, { waitUntil: 'networkidle2' });
      await role(guest, 'button', 'Download').wait();
      assert.equal(await guest.$('.file-comments'), null);
    });
  },
  { env: { LABORA_COMMENTS__CONTENT_CHARACTERS: '300' } },
);
