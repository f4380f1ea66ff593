// What stays with one person: output of a notebook that omits it, which a second account's page and every file lack,
// and a playground, in which a viewer changes and runs what others do not see and saves it as a copy.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { journey } from '../src/journey.mjs';
import { looksRight } from '../src/looks.mjs';
import { answerDialog, openItems, press, role, toasts } from '../src/ui.mjs';

const SECRET = 'only for Olga';

await journey('private', async (t) => {
  const code = `print("${SECRET.split('').reverse().join('')}"[::-1])`;
  const file = await t.notebook([code, 'answer = 42\nanswer'], 'Private.ipynb', { colab: { provenance: [] } });
  let olga;
  let emil;
  let vera;
  const front = async (one) => {
    await one.page.bringToFront();
    return one;
  };

  await t.step('output that is saved is seen by everybody', async () => {
    const account = await t.colleague('Emil Editor', 'emil');
    await t.api.call('POST', `/files/${file.id}/permissions`, { account_id: account.id, role: 'editor' });
    olga = await t.open(file);
    emil = await t.open(file, { account });
    await front(olga);
    await olga.run('cell-1');
    await front(emil);
    await emil.waitOutput('cell-1', /42/);
    await front(olga);
    await olga.menu('File', 'Save a revision');
    await until('the revision', async () => (await toasts(olga.page)).some((text) => /revision/.test(text)));
  });

  await t.step('the owner omits output from now on, and takes it out of earlier versions', async () => {
    await olga.menu('Edit', 'Notebook settings');
    await olga.page.waitForSelector('[role=dialog] .nb-choice');
    await looksRight(t, olga.page, 'settings');
    await role(olga.page, 'checkbox', 'Omit code cell output when saving this notebook').click();
    await olga.button('Save');
    await role(olga.page, 'button', 'Remove from all versions').click();
    await until('the end', async () =>
      /Output removed from/.test(await olga.page.$eval('[role=dialog]', (dialog) => dialog.innerText)),
    );
    await answerDialog(olga.page, 'Done');
    await olga.page.waitForSelector('.nb-omitted');
    await olga.waitOutput('cell-1', /42/);
    await front(emil);
    await emil.page.waitForSelector('.nb-omitted');
    await until('the output to go', async () => (await emil.output('cell-1')) === '');
  });

  await t.step('what she runs now is hers alone, also after a reload', async () => {
    await front(olga);
    await olga.run('cell-0');
    await olga.waitOutput('cell-0', new RegExp(SECRET));
    await front(emil);
    await emil.waitState('cell-0', 'ok');
    assert.equal(await emil.output('cell-0'), '');
    await emil.reload();
    await emil.waitState('cell-0', 'ok');
    assert.doesNotMatch(await emil.page.evaluate(() => document.body.innerText), new RegExp(SECRET));
    await front(olga);
    await olga.reload();
    await olga.waitOutput('cell-0', new RegExp(SECRET));
    await olga.page.waitForSelector('section[data-cell="cell-0"] .nb-own-output');
    await t.shot(olga.page, 'omitted');
  });

  await t.step('no file that is given away holds any', async () => {
    const copy = await t.api.call('POST', `/files/${file.id}/copy`, {});
    const { revisions } = await t.api.call('GET', `/files/${file.id}/revisions`);
    const paths = revisions.map((one) => `/files/${file.id}/revisions/${one.id}/download`);
    for (const path of [`/files/${file.id}/download`, `/files/${copy.id}/download`, ...paths]) {
      const { cells, metadata } = await t.api.call('GET', path);
      assert.deepEqual(
        cells.map((cell) => cell.outputs),
        [[], []],
        path,
      );
      if (!path.includes('revisions')) assert.equal(metadata.colab.private_outputs, true);
    }
  });

  await t.step('a viewer runs a cell, which opens a playground of their own', async () => {
    const shared = await t.notebook(['word = "original"', 'print(word, 6 * 7)'], 'Shared.ipynb');
    const account = await t.colleague('Vera Viewer', 'vera');
    await t.api.call('POST', `/files/${shared.id}/permissions`, { account_id: account.id, role: 'viewer' });
    vera = await t.open(shared, { account });
    assert.match(await vera.banners(), /In a playground you can change and run it/);
    await vera.pressRun('cell-0');
    await vera.page.waitForFunction((id) => location.pathname !== `/drive/${id}`, {}, shared.id);
    await vera.ready();
    await vera.ended('cell-0');
    await vera.edit('cell-0');
    await vera.retype('word = "mine"');
    await press(vera.page, 'Shift+Enter');
    await vera.ended('cell-0', 1);
    await vera.run('cell-1');
    await vera.waitOutput('cell-1', /mine 42/);
    assert.match(await vera.banners(), /Playground of “Shared”/);
    await looksRight(t, vera.page, 'playground');
    const original = await t.api.call('GET', `/files/${shared.id}/download`);
    assert.deepEqual(
      original.cells.map((cell) => [cell.source, cell.outputs]),
      [
        ['word = "original"', []],
        ['print(word, 6 * 7)', []],
      ],
    );
    vera.shared = shared;
  });

  await t.step('who looks by link without an account is told to sign in to run it', async () => {
    await t.api.call('POST', `/files/${vera.shared.id}/permissions`, { kind: 'anyone', role: 'viewer' });
    t.expectProblems(/401/);
    const guest = await t.stranger();
    await guest.goto(`${t.server.url}/drive/${vera.shared.id}`);
    await guest.waitForSelector('section[data-cell="cell-0"]');
    await t.shot(guest, 'guest');
    await role(guest, 'button', 'Sign in to run').click();
    await guest.waitForSelector('input[name=login]');
    await guest.browserContext().close();
    await front(vera);
  });

  await t.step('what the owner changes arrives there, and what was changed there stays', async () => {
    const content = await t.api.call('GET', `/files/${vera.shared.id}/download`);
    content.cells[1].source = ['print(word, 6 * 7, "new")'];
    await t.api.call('PUT', `/files/${vera.shared.id}/content`, JSON.stringify(content));
    await vera.button('Get changes');
    await until('the change', async () => /"new"/.test((await vera.cell('cell-1')).source));
    assert.equal((await vera.cell('cell-0')).source, 'word = "mine"');
  });

  await t.step('saved as a copy it is an ordinary notebook of hers, with its output', async () => {
    const there = await vera.page.evaluate(() => location.pathname);
    await vera.button('Save a copy');
    await vera.page.waitForFunction((path) => location.pathname !== path, {}, there);
    await vera.ready();
    await vera.waitOutput('cell-1', /mine 42/);
    assert.equal((await vera.cell('cell-0')).source, 'word = "mine"');
    assert.doesNotMatch(await vera.banners(), /Playground/);
    await role(vera.page, 'menuitem', 'File').click();
    assert.ok((await openItems(vera.page)).includes('Share') || (await openItems(vera.page)).includes('Rename'));
    await press(vera.page, 'Escape');
    // The list of her drive names the copy and not the playground.
    await vera.page.goto(`${t.server.url}/`);
    await vera.page.waitForFunction(() => document.body.innerText.includes('Copy of Shared.ipynb'));
    assert.doesNotMatch(await vera.page.evaluate(() => document.body.innerText), /^Shared\.ipynb$/m);
  });
});
