// Finding a notebook by what stands in it: typed, filtered, by keyboard alone; and somebody else finds nothing of it.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { DrivePage } from '../src/drive.mjs';
import { journey } from '../src/journey.mjs';
import { looksRight } from '../src/looks.mjs';
import { NotebookPage } from '../src/notebook.mjs';
import { chooseItem, openItems, press, role } from '../src/ui.mjs';

await journey('search', async (t) => {
  const page = await t.signedIn();
  const results = () =>
    page.$$eval('.search-result', (all) =>
      all.map((one) => ({
        name: one.querySelector('.search-name').textContent,
        marks: [...one.querySelectorAll('mark')].map((mark) => mark.textContent),
        places: [...one.querySelectorAll('.search-where')].map((place) => place.textContent),
      })),
    );
  const found = (...names) =>
    until(`results ${names}`, async () => {
      const now = (await results()).map((one) => one.name);
      return JSON.stringify(now) === JSON.stringify(names);
    });

  await t.step('words in code and outputs are found as they are typed, with their lines', async () => {
    await new DrivePage(page).ready();
    await t.notebook(
      [
        { cell_type: 'markdown', source: 'About <b>kestrels</b> & other falcons' },
        'frame = pd.read_csv("kestrels.csv")\nplt.plot(frame)',
      ],
      'Birds.ipynb',
    );
    await t.notebook(['print("nothing here")'], 'Kestrels by night.ipynb');
    // The index follows within seconds.
    await until('the index', async () => (await t.api.call('GET', '/search?text=kestr*')).results.length === 2);
    await press(page, '/');
    await page.keyboard.type('kestr');
    await found('Kestrels by night.ipynb', 'Birds.ipynb');
    const [first, second] = await results();
    assert.deepEqual([first.name, first.marks], ['Kestrels by night.ipynb', ['Kestrels']]);
    assert.deepEqual([second.name, second.places], ['Birds.ipynb', ['Text', 'Code']]);
    assert.deepEqual(second.marks, ['kestrels', 'kestrels']);
    const line = await page.$eval('.search-snippet', (one) => one.textContent);
    assert.match(line, /About <b>kestrels<\/b> & other falcons/);
  });

  await t.step('it looks right, wide and narrow, light and dark', () => looksRight(t, page, 'search'));

  await t.step('a filter narrows it, stays in the address and survives a reload', async () => {
    await page.select('.search-filter:last-of-type select', 'code');
    await found('Birds.ipynb');
    assert.equal(new URL(page.url()).searchParams.get('in'), 'code');
    await page.reload();
    await found('Birds.ipynb');
    await page.select('.search-filter:first-of-type select', 'folder');
    await page.waitForFunction(() => document.querySelector('.ui-empty')?.innerText.includes('Nothing found'));
    await looksRight(t, page, 'search-empty');
  });

  await t.step('the keyboard alone gets from the words to the notebook', async () => {
    await page.goto(t.server.url);
    await new DrivePage(page).ready();
    await press(page, '/');
    await page.keyboard.type('read_csv');
    await found('Birds.ipynb');
    // The second link of the result is the line of the cell, which the notebook shows then.
    await press(page, 'ArrowDown ArrowDown');
    await press(page, 'Enter');
    await page.waitForFunction(() => location.pathname.startsWith('/drive/'));
    const notebook = await new NotebookPage(page).ready();
    await page.waitForSelector('section[data-cell="cell-1"][data-stand="active"]');
    assert.equal(new URL(page.url()).hash, '#cell=cell-1');
    await notebook.ready();
  });

  await t.step('File → Open recent leads to the other notebook that was opened', async () => {
    const other = (await t.api.call('GET', '/files?name=night')).files[0];
    await page.goto(`${t.server.url}/drive/${other.id}`);
    const notebook = await new NotebookPage(page).ready();
    await until('the list of recent ones', async () => {
      await role(page, 'menuitem', 'File').click();
      await chooseItem(page, 'Open recent');
      const found = await until('its items', async () => {
        const names = await openItems(page);
        return names.includes('All recent ones') ? names : null;
      });
      if (found.includes('Birds')) return true;
      await press(page, 'Escape');
      await press(page, 'Escape');
      return false;
    });
    await chooseItem(page, 'Birds');
    await page.waitForFunction((was) => !location.pathname.endsWith(was), {}, other.id);
    await notebook.ready();
    assert.equal((await notebook.sources())[1], 'frame = pd.read_csv("kestrels.csv")\nplt.plot(frame)');
  });

  await t.step('somebody else finds nothing of it', async () => {
    const other = await t.signedIn(await t.colleague('Bob', 'bob'));
    await new DrivePage(other).ready();
    await press(other, '/');
    await other.keyboard.type('kestrels');
    await other.waitForFunction(() => document.querySelector('.ui-empty')?.innerText.includes('Nothing found'));
    assert.equal(await other.$('.search-result'), null);
  });
});
