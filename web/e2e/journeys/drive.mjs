// A drive put in order: grid and tree, choosing many, dragging, renaming, stars, shortcuts, the trash; all of it by
// the keyboard too, and with a finger on a phone.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { DrivePage } from '../src/drive.mjs';
import { journey } from '../src/journey.mjs';
import { looksRight } from '../src/looks.mjs';
import { answerDialog, chooseItem, press, role, toasts } from '../src/ui.mjs';

await journey('drive', async (t) => {
  const folder = async (name, parent_id = 'root') =>
    (await t.api.call('POST', '/files', { kind: 'folder', name, parent_id })).id;
  for (const file of (await t.api.call('GET', '/files')).files) await t.api.call('DELETE', `/files/${file.id}`);
  const papers = await folder('Papers');
  const drafts = await folder('Drafts', papers);
  for (const name of ['one', 'two', 'three', 'four', 'five']) await t.notebook([name], `${name}.ipynb`);
  const page = await t.signIn(await t.stranger());
  const drive = new DrivePage(page);
  const toasted = (text) => until(`the message "${text}"`, async () => (await toasts(page)).join().includes(text));
  const inside = async (id) => (await t.api.call('GET', `/files?folder=${id}`)).files.map((file) => file.name);

  await t.step('several are chosen by click, Ctrl, Shift, rubber band and Ctrl+A', async () => {
    await drive.waitNames('Papers', 'five.ipynb', 'four.ipynb', 'one.ipynb', 'three.ipynb', 'two.ipynb');
    await drive.choose('five.ipynb');
    await drive.choose('three.ipynb', 'Shift');
    await drive.waitChosen('five.ipynb', 'four.ipynb', 'one.ipynb', 'three.ipynb');
    await drive.choose('one.ipynb', 'Control');
    await drive.waitChosen('five.ipynb', 'four.ipynb', 'three.ipynb');
    await page.waitForFunction(() => document.querySelector('.drive-tools').innerText.includes('3 selected'));
    const [first, last] = await Promise.all(
      ['one.ipynb', 'two.ipynb'].map(async (name) => (await drive.entry(name)).boundingBox()),
    );
    await page.mouse.move(first.x + first.width * 0.7, first.y + 10);
    await page.mouse.down();
    await page.mouse.move(last.x + last.width * 0.8, last.y + 10, { steps: 4 });
    await page.mouse.up();
    await drive.waitChosen('one.ipynb', 'three.ipynb', 'two.ipynb');
    await press(page, 'Ctrl+A');
    await page.waitForFunction(() => document.querySelector('.drive-tools').innerText.includes('6 selected'));
    await press(page, 'Escape');
    await drive.waitChosen();
  });

  await t.step('what is dragged on a folder moves there, with an undo; with Ctrl a copy goes', async () => {
    await drive.choose('one.ipynb');
    await drive.choose('two.ipynb', 'Control');
    await drive.drag('one.ipynb', `[data-id="${papers}"]`);
    await toasted('2 items moved to Papers');
    await drive.waitNames('Papers', 'five.ipynb', 'four.ipynb', 'three.ipynb');
    assert.deepEqual((await inside(papers)).sort(), ['Drafts', 'one.ipynb', 'two.ipynb']);
    await page.click('.ui-toast:last-child .ui-toast-action');
    await drive.waitFor('two.ipynb');
    await drive.drag('three.ipynb', `[data-folder="${papers}"]`, { ctrl: true });
    await toasted('“three.ipynb” copied');
    assert.deepEqual(await inside(papers), ['Drafts', 'three.ipynb']);
    assert.ok((await drive.names()).includes('three.ipynb'));
    await drive.drop(
      [{ name: 'dropped.ipynb', text: '{"cells":[],"metadata":{},"nbformat":4,"nbformat_minor":5}' }],
      `[data-id="${papers}"]`,
    );
    await until('the upload', async () => (await inside(papers)).includes('dropped.ipynb'));
  });

  await t.step('the tree opens folders and takes files; the path takes them back', async () => {
    await page.click(`[data-folder="${papers}"] [data-fold]`);
    await page.waitForSelector(`[data-folder="${drafts}"]`);
    await drive.drag('one.ipynb', `[data-folder="${drafts}"]`);
    await toasted('“one.ipynb” moved to Drafts');
    await page.click(`[data-folder="${drafts}"]`);
    await drive.waitNames('one.ipynb');
    await page.waitForSelector(`[data-folder="${drafts}"][aria-current="page"]`);
    await drive.drag('one.ipynb', '.crumbs a:first-child');
    await page.waitForFunction(() => document.querySelector('.ui-empty')?.innerText.includes('empty'));
    await role(page, 'link', 'Papers').click();
    await drive.waitNames('Drafts', 'dropped.ipynb', 'three.ipynb');
    await page.goto(t.server.url);
    await drive.waitFor('one.ipynb');
  });

  await t.step('the grid is remembered, and looks right as the list does', async () => {
    await drive.choose('two.ipynb');
    await press(page, 'i');
    await page.waitForFunction(() => document.querySelector('.details')?.innerText.includes('History'));
    await looksRight(t, page, 'list');
    await role(page, 'button', 'Show as grid').click();
    await page.waitForSelector('.file-card');
    await drive.choose('five.ipynb');
    await press(page, 'ArrowRight');
    await drive.waitChosen('four.ipynb');
    await press(page, 'Shift+ArrowRight');
    await drive.waitChosen('four.ipynb', 'one.ipynb');
    await looksRight(t, page, 'grid');
    await press(page, 'i');
    await page.reload();
    await page.waitForSelector('.file-card');
    await role(page, 'button', 'Show as list').click();
  });

  await t.step('stars and shortcuts; a shortcut to what is gone says so', async () => {
    await drive.fileMenu('one.ipynb', 'Add star');
    await drive.fileMenu('two.ipynb', 'Make a shortcut…');
    await page.locator('.picker-list button').click();
    await answerDialog(page, 'Make it in Papers');
    await toasted('made in Papers');
    await page.click('[data-place="starred"] a');
    await drive.waitNames('one.ipynb');
    await page.goto(`${t.server.url}/folders/${papers}`);
    const [two] = (await t.api.call('GET', '/files?folder=root&name=two')).files;
    await drive.waitFor('two.ipynb');
    assert.ok(await page.$(`.file-list a[href="/drive/${two.id}"]`), 'it leads to what it stands for');
    await t.api.call('DELETE', `/files/${two.id}`);
    await page.goto(`${t.server.url}/folders/${papers}`);
    await drive.choose('two.ipynb');
    await press(page, 'Enter');
    await toasted('leads nowhere');
  });

  await t.step('by the keyboard alone: rename, cut, paste, trash', async () => {
    await page.goto(t.server.url);
    await drive.ready();
    await press(page, 'ArrowDown');
    await press(page, 't');
    await drive.waitChosen('three.ipynb');
    await press(page, 'F2');
    await page.waitForSelector('.file-rename');
    await page.keyboard.type('renamed');
    await press(page, 'Enter');
    await drive.waitFor('renamed.ipynb');
    await page.waitForFunction(() => document.activeElement.textContent.includes('renamed.ipynb'));
    await press(page, 'Ctrl+X');
    await press(page, 'Home');
    await press(page, 'Enter');
    await drive.waitFor('Drafts');
    await press(page, 'ArrowDown');
    await press(page, 'Ctrl+V');
    await drive.waitFor('renamed.ipynb');
    await press(page, 'Alt+ArrowUp');
    await drive.waitNames('Papers', 'five.ipynb', 'four.ipynb', 'one.ipynb');
    await press(page, 'ArrowDown');
    await press(page, 'End');
    await press(page, 'Shift+ArrowUp');
    await drive.waitChosen('four.ipynb', 'one.ipynb');
    await press(page, 'Delete');
    await toasted('2 items moved to trash');
    await drive.waitNames('Papers', 'five.ipynb');
    await press(page, '?');
    await page.waitForSelector('[role=dialog]:focus-within kbd');
    await press(page, 'Escape');
  });

  await t.step('what is in the trash comes back, or goes for ever', async () => {
    await page.click('[data-place="trash"] a');
    await drive.waitFor('four.ipynb');
    await drive.fileMenu('four.ipynb', 'Restore');
    await drive.waitNames('one.ipynb');
    await role(page, 'button', 'Empty trash').click();
    await page.waitForFunction(() => document.querySelector('[role=dialog]')?.innerText.includes('one item'));
    await answerDialog(page, 'Empty trash');
    await page.waitForFunction(() => document.querySelector('.ui-empty')?.innerText.includes('The trash is empty'));
    assert.deepEqual((await t.api.call('GET', '/files?view=trash')).files, []);
    await page.goto(t.server.url);
    await drive.waitNames('Papers', 'five.ipynb', 'four.ipynb');
  });

  await t.step('a folder that is pasted into its own subfolder goes there once', async () => {
    await t.api.call('POST', '/files', { kind: 'notebook', name: 'draft.ipynb', parent_id: drafts });
    await drive.choose('Papers');
    await press(page, 'Ctrl+C');
    await press(page, 'Enter');
    await drive.waitFor('Drafts');
    await drive.choose('Drafts');
    await press(page, 'Enter');
    await drive.waitNames('draft.ipynb');
    await drive.choose('draft.ipynb');
    await press(page, 'Ctrl+V');
    await toasted('“Papers” copied');
    await drive.waitNames('Papers', 'draft.ipynb');
    const [copy] = (await t.api.call('GET', `/files?folder=${drafts}&name=Papers`)).files;
    const [within] = (await t.api.call('GET', `/files?folder=${copy.id}&name=Drafts`)).files;
    assert.deepEqual(await inside(within.id), ['draft.ipynb']);
    await page.goto(t.server.url);
  });

  await t.step('the menu of a notebook gives it in other formats', async () => {
    await drive.fileMenu('four.ipynb', 'Download as…');
    await page.waitForFunction(() => document.querySelector('[role=dialog] select option[value=html]') !== null);
    await press(page, 'Escape');
    await page.waitForFunction(() => document.querySelector('[role=dialog]') === null);
  });

  await t.step('what fails of many is named, and the rest is done', async () => {
    await drive.choose('five.ipynb');
    await drive.choose('four.ipynb', 'Control');
    const [five] = (await t.api.call('GET', '/files?folder=root&name=five')).files;
    await t.api.call('DELETE', `/files/${five.id}`);
    await drive.drag('four.ipynb', `[data-folder="${papers}"]`);
    await toasted('One item could not be moved');
    await page.click('.ui-toast-error .ui-toast-action');
    await page.waitForFunction(() => document.querySelector('.problems')?.innerText.includes('five.ipynb'));
    await press(page, 'Escape');
    await drive.waitNames('Papers');
  });

  await t.step('with a finger on a phone: a long press chooses, the bar acts', async () => {
    await page.setViewport({ width: 390, height: 800, hasTouch: true, isMobile: !t.isFirefox });
    await page.goto(`${t.server.url}/folders/${papers}`);
    await drive.waitFor('three.ipynb');
    const row = await (await drive.entry('three.ipynb')).boundingBox();
    await page.touchscreen.touchStart(row.x + 60, row.y + 20);
    await drive.waitChosen('three.ipynb');
    await page.touchscreen.touchEnd();
    const other = await (await drive.entry('four.ipynb')).boundingBox();
    await page.touchscreen.tap(other.x + 60, other.y + 20);
    await drive.waitChosen('four.ipynb', 'three.ipynb');
    await t.shot(page, 'phone');
    await role(page, 'button', 'More actions').click();
    await t.shot(page, 'phone-menu');
    await chooseItem(page, 'Add star');
    await role(page, 'button', 'Clear the selection').click();
    await page.click('[data-place="starred"] a');
    await drive.waitNames('four.ipynb', 'three.ipynb');
    await drive.fileMenu('four.ipynb', 'Open in playground');
    await page.waitForFunction(
      () => document.body.innerText.includes('four') && location.pathname.startsWith('/drive/'),
    );
    const opened = await t.api.call('GET', `/files/${new URL(page.url()).pathname.split('/').pop()}`);
    assert.equal(opened.playground_of.name, 'four.ipynb');
  });
});
