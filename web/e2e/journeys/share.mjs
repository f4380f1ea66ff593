// Three people and a guest in one notebook: an invitation, a request for access, typing in one cell at the same time,
// cursors with names, a cell deleted under the other's hands, a viewer by a group who sees everything and changes nothing,
// an editor who is demoted while typing, and a link.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { journey } from '../src/journey.mjs';
import { NotebookPage } from '../src/notebook.mjs';
import { chooseItem, press, role } from '../src/ui.mjs';

const EMIL = { name: 'Emil Editor', login: 'emil', password: 'the password of emil' };
const VERA = { name: 'Vera Viewer', login: 'vera', password: 'the password of vera' };

/** Chooses a value of the first select within an element. */
async function choose(page, within, value) {
  const id = await page.$eval(`${within} select`, (select) => select.id);
  await page.select(`[id="${id}"]`, value);
}

await journey('share', async (t) => {
  const file = await t.notebook(
    ['shared = 1', 'other = 2', { cell_type: 'markdown', source: '# Together' }],
    'Together.ipynb',
  );
  let olga;
  let emil;
  let vera;
  let group;
  const sameSource = (id) =>
    until(`one text of ${id} for both`, async () => {
      const [a, b] = [await olga.cell(id), await emil.cell(id)];
      return a && b && a.source === b.source ? a.source : null;
    });
  const front = async (one) => {
    await one.page.bringToFront();
    return one;
  };

  await t.step('the owner makes an invitation link, and whoever opens it has an account', async () => {
    const page = await t.signIn(await t.stranger());
    await role(page, 'button', `Account of ${t.owner.name}`).click();
    await chooseItem(page, 'People');
    await role(page, 'button', 'Invite').click();
    await role(page, 'textbox', 'Who is it for?').fill('Emil');
    await role(page, 'button', 'Make a link').click();
    const field = await page.waitForSelector('[role=dialog] input[readonly]');
    const link = await field.evaluate((input) => input.value);
    const guest = await t.stranger();
    await guest.goto(link);
    await role(guest, 'textbox', 'Your name').fill(EMIL.name);
    await role(guest, 'textbox', 'Sign-in name').fill(EMIL.login);
    await guest.type('input[type=password]', EMIL.password);
    await role(guest, 'button', 'Create account').click();
    await guest.waitForFunction(() => location.pathname === '/');
    emil = new NotebookPage(guest);
    await page.bringToFront();
    olga = await t.open(file, { page });
  });

  await t.step('before it is shared the notebook does not exist for the other, who asks for access', async () => {
    await emil.page.bringToFront();
    t.expectProblems(/404|403/);
    await emil.page.goto(`${t.server.url}/drive/${file.id}`);
    await emil.page.waitForFunction(() => document.body.innerText.includes('You need access'));
    await choose(emil.page, 'form', 'editor');
    await role(emil.page, 'textbox', 'Message (optional)').fill('May I help?');
    await role(emil.page, 'button', 'Request access').click();
    await emil.page.waitForFunction(() => document.body.innerText.includes('Your request was sent'));
  });

  await t.step('the owner is told at once and gives access; it opens to the other by itself', async () => {
    await front(olga);
    await role(olga.page, 'button', 'Notifications, 1 unread').wait();
    await olga.button('Share');
    await olga.page.waitForFunction(() => document.body.innerText.includes('Emil Editor asks to be an editor'));
    assert.match(await olga.page.$eval('.share-wish', (wish) => wish.innerText), /May I help/);
    await olga.button('Give access');
    await olga.page.waitForFunction(() => document.querySelectorAll('[role=dialog] li.share-entry').length === 2);
    await t.shot(olga.page, 'dialog');
    await olga.button('Done');
    await front(emil);
    await emil.ready();
    await emil.page.waitForSelector('section[data-cell="cell-0"]');
    await role(emil.page, 'button', 'Notifications, 1 unread').click();
    await role(emil.page, 'link', `${t.owner.name} gave you access to “Together.ipynb” as editor`).wait();
    await emil.button('Mark all as read');
    await press(emil.page, 'Escape');
    await role(emil.page, 'button', 'Notifications').wait();
  });

  await t.step('each sees the other, by name, at the caret', async () => {
    await emil.edit('cell-0');
    await front(olga);
    await olga.edit('cell-0');
    const name = () => olga.page.$eval('.nb-caret .nb-caret-name', (label) => label.textContent);
    assert.equal(await until('the caret of the other', name), EMIL.name);
    await olga.page.waitForSelector(`[role=img][aria-label="${EMIL.name}"]`);
    await emil.page.waitForSelector(`[role=img][aria-label="${t.owner.name}"]`);
    await t.shot(olga.page, 'cursors');
  });

  await t.step('both type in one cell at the same time and end with one text, nothing lost', async () => {
    const [mine, theirs] = ['\n# Olga was here', '\n# Emil was here'];
    // One key of each in turn: the driver of either browser sends keys to the page that is in front.
    if (t.isFirefox) {
      for (let at = 0; at < mine.length; at += 4) {
        await front(olga);
        await olga.type(mine.slice(at, at + 4));
        await front(emil);
        await emil.type(theirs.slice(at, at + 4));
      }
    } else await Promise.all([olga.type(mine), emil.type(theirs)]);
    await olga.waitSaved();
    await emil.waitSaved();
    const text = await sameSource('cell-0');
    assert.match(text, /^shared = 1/);
    for (const typed of [mine, theirs]) {
      let from = 0;
      for (const sign of typed) {
        from = text.indexOf(sign, from) + 1;
        assert.ok(from > 0, `${JSON.stringify(sign)} of ${JSON.stringify(typed)} is in ${JSON.stringify(text)}`);
      }
    }
    assert.equal(text.length, 'shared = 1'.length + mine.length + theirs.length);
  });

  await t.step('undo takes back only what the person wrote', async () => {
    await front(olga);
    await olga.edit('cell-1');
    await olga.type(' # by Olga');
    await front(emil);
    await until('her text', async () => (await emil.cell('cell-1')).source === 'other = 2 # by Olga');
    await emil.edit('cell-1');
    await emil.type('\nmore = 3');
    await until('his text', async () => (await olga.cell('cell-1')).source === 'other = 2 # by Olga\nmore = 3');
    await front(olga);
    await olga.page.focus('section[data-cell="cell-1"] .cm-content');
    await press(olga.page, 'Ctrl+Z');
    await until('only his', async () => (await emil.cell('cell-1')).source === 'other = 2\nmore = 3');
  });

  await t.step('a cell deleted under the hands of the other keeps what was typed, in the bin', async () => {
    await front(emil);
    await emil.edit('cell-1');
    await emil.type('\n# before');
    await front(olga);
    await until('his text', async () => /before/.test((await olga.cell('cell-1')).source));
    await olga.select('cell-1');
    await press(olga.page, 'Ctrl+M D');
    assert.equal(await olga.cell('cell-1'), null);
    if (!t.isFirefox) await emil.type(' and after').catch(() => {});
    await until('the cell to leave', async () => (await emil.cell('cell-1')) === null);
    await front(emil);
    await emil.menu('Edit', 'Deleted cells');
    const kept = await emil.page.waitForSelector('[role=dialog] .nb-bin li');
    assert.match(await kept.evaluate((item) => item.innerText), /other = 2\s+more = 3\s+# before/);
    await emil.button('Put back');
    await press(emil.page, 'Escape');
    const text = await sameSource('cell-1');
    assert.match(text, /^other = 2\nmore = 3\n# before/);
    assert.deepEqual(
      (await olga.cells()).map((cell) => cell.id),
      ['cell-0', 'cell-1', 'cell-2'],
    );
  });

  await t.step('the run of one is seen by the other, who cannot answer for them', async () => {
    await front(emil);
    await emil.edit('cell-0');
    await emil.retype('answer = input("Say: ")');
    await press(emil.page, 'Shift+Enter');
    await front(olga);
    await olga.waitOutput('cell-0', new RegExp(`${EMIL.name}.s cell waits for ${EMIL.name}`));
    assert.equal(await olga.page.$('.nb-input'), null);
    assert.equal(await olga.phase(), 'connect', 'his runtime is not hers');
    await front(emil);
    const box = await emil.page.waitForSelector('.nb-input input');
    await box.type('hello');
    await press(emil.page, 'Enter');
    await emil.ended('cell-0');
    await until('the end for both', async () => (await olga.cell('cell-0')).state === 'ok');
  });

  await t.step('a viewer by a group sees every change and can make none', async () => {
    const account = await t.colleague(VERA.name, VERA.login);
    group = await t.api.call('POST', '/groups', { name: 'Lab' });
    await t.api.call('PUT', `/groups/${group.id}/members/${account.id}`, {});
    await front(olga);
    await olga.button('Share');
    const box = await olga.page.waitForSelector('[role=dialog] [role=combobox]');
    await box.type('lab');
    await olga.page.waitForSelector('[role=option]');
    await press(olga.page, 'Enter');
    await choose(olga.page, '.share-add', 'viewer');
    await box.focus();
    await press(olga.page, 'Enter');
    await olga.page.waitForFunction(() => document.querySelectorAll('[role=dialog] li.share-entry').length === 3);
    await olga.button('Done');
    vera = await t.open(file, { account: VERA });
    assert.equal(await vera.saveState(), 'read-only');
    assert.match(await vera.banners(), /read this notebook, not change it/);
    const before = await until('the text cell', async () => {
      const sources = await vera.sources();
      return sources.at(-1) === 'Together' ? sources : null;
    });
    await vera.page.click('section[data-cell="cell-1"] .nb-source');
    await vera.type('vandal');
    await press(vera.page, 'Escape');
    await press(vera.page, 'Ctrl+M D');
    await press(vera.page, 'Ctrl+M B');
    assert.deepEqual(await vera.sources(), before);
    await front(olga);
    await olga.edit('cell-1');
    await olga.type('\n# live');
    await until('the change', async () => /# live$/.test((await vera.cell('cell-1')).source));
  });

  await t.step(
    'an editor who is demoted while typing can read on, and what came after is not in the notebook',
    async () => {
      await front(emil);
      await emil.edit('cell-0');
      await emil.type('\n# still allowed');
      await emil.waitSaved();
      await front(olga);
      await olga.button('Share');
      await olga.page.waitForFunction(() => document.querySelectorAll('[role=dialog] li.share-entry').length === 3);
      await choose(olga.page, 'li.share-entry:nth-of-type(2)', 'viewer');
      await until('his page to be read-only', async () => (await emil.saveState()) === 'read-only');
      await front(emil);
      await emil.type('\n# too late').catch(() => {});
      assert.match((await olga.cell('cell-0')).source, /# still allowed$/);
      await front(olga);
      await olga.button('Done');
    },
  );

  await t.step('who leaves the group loses the page, within a second or two', async () => {
    const members = await t.api.call('GET', `/groups/${group.id}`);
    await t.api.call('DELETE', `/groups/${group.id}/members/${members.people[0].id}`);
    await vera.page.waitForFunction(() => /no longer have access|no such notebook/.test(document.body.innerText), {
      timeout: 20_000,
    });
  });

  await t.step('a link lets anyone look without an account, until it is taken back', async () => {
    await front(olga);
    await olga.button('Share');
    await olga.page.waitForSelector('.share-general select');
    await choose(olga.page, '.share-general', 'anyone');
    await olga.page.waitForSelector('[data-reach=anyone]');
    t.expectProblems(/401/);
    const guest = await t.stranger();
    await guest.goto(`${t.server.url}/drive/${file.id}`);
    await guest.waitForSelector('section[data-cell="cell-0"]');
    await role(guest, 'button', 'Sign in').wait();
    await front(olga);
    await choose(olga.page, '.share-general', 'restricted');
    await guest.waitForFunction(() => document.body.innerText.includes('You no longer have access'), {
      timeout: 20_000,
    });
  });
});
