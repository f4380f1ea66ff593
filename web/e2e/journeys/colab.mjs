// A notebook written for Colab, in its page: files go up and down, outputs and Python call each other, tabs, grids and
// tables work, tagged outputs go, and what was saved looks right when nothing runs.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { downloaded, until } from '../src/browser.mjs';
import { journey } from '../src/journey.mjs';
import { clickIn } from '../src/ui.mjs';

const CELLS = {
  upload: `from google.colab import files
for name, data in files.upload().items():
    print(f'User uploaded file "{name}" with length {len(data)} bytes')`,
  download: `with open('example.txt', 'w') as f:
    f.write('some content')
files.download('example.txt')`,
  callback: `import IPython
from google.colab import output
def add(a, b=0):
    print('adding')
    return IPython.display.JSON({'sum': a + b})
output.register_callback('notebook.add', add)
display(IPython.display.HTML('''<button id="go">Add</button> <span id="sum"></span><script>
document.getElementById('go').onclick = async () => {
  const result = await google.colab.kernel.invokeFunction('notebook.add', [2], {b: 3});
  document.getElementById('sum').textContent = result.data['application/json'].sum;
};</script>'''))`,
  evaluate: `print(output.eval_js('1 + 1'), output.eval_js('new Promise((done) => setTimeout(done, 1, {a: [null]}))'))
try:
    output.eval_js('missing.name')
except Exception as error:
    print(type(error).__name__, error)`,
  itself: `from google.colab import _message
there = _message.blocking_request('get_ipynb', request='', timeout_sec=60)['ipynb']
print(len(there['cells']), there['metadata']['colab']['name'], there['cells'][1]['source'][0].strip())`,
  tabs: `from google.colab import widgets
tabs = widgets.TabBar(['first', 'second'])
with tabs.output_to('first'):
    print('in the first')
with tabs.output_to(1, select=False):
    print('in the second')
    display(IPython.display.HTML('<b id="bold">bold in the second</b>'))
grid = widgets.Grid(2, 2, header_row=True)
for row, column in grid:
    print(f'cell {row}{column}')`,
  table: `import pandas as pd
from google.colab import data_table
frame = pd.DataFrame({'n': range(3000), 'text': [f'row {n}' for n in range(3000)]})
data_table.DataTable(frame, num_rows_per_page=10)`,
  tags: `with output.use_tags('old'):
    print('old text')
    display(IPython.display.HTML('<i>old html</i>'))
print('stays')
output.clear(output_tags='old')
with output.temporary():
    print('for a moment')`,
  areas: `display(IPython.display.HTML('<div id="place"></div>'))
with output.redirect_to_element('#place'):
    print('in the place')
with output.to_header_area():
    print('at the top')
output.no_vertical_scroll()`,
  older: `import base64
display(IPython.display.HTML('''<input type="file" id="files-1" name="files[]" multiple disabled style="border:none">
<output id="result-1">Run the cell to choose files.</output>
<script src="/nbextensions/google.colab/files.js"></script>'''))
step, got = output.eval_js('google.colab._files._uploadFiles("files-1", "result-1")'), {}
while step['action'] != 'complete':
    if step['action'] == 'append':
        got[step['file']] = got.get(step['file'], b'') + base64.b64decode(step['data'])
    step = output.eval_js('google.colab._files._uploadFilesContinue("result-1")')
print({name: (len(data), data.count(b'ab')) for name, data in got.items()})`,
};

await journey('colab', async (t) => {
  const ids = Object.keys(CELLS);
  const at = (id) => `cell-${ids.indexOf(id)}`;
  const file = await t.notebook(Object.values(CELLS), 'For Colab.ipynb');
  const notebook = await t.open(file);
  const { page } = notebook;
  const run = async (id) => {
    assert.equal((await notebook.run(at(id))).state, 'ok', id);
    return at(id);
  };
  const text = (frame, where = 'body') => frame.evaluate((which) => document.querySelector(which)?.innerText, where);
  const says = (frame, pattern, where) =>
    until(`${pattern}`, async () => {
      const found = await text(frame, where);
      return pattern.test(found) ? found : Promise.reject(new Error(found));
    });
  const folder = mkdtempSync(path.join(tmpdir(), 'labora-colab-'));

  await t.step('files.upload takes what is chosen, and numbers a name that is taken', async () => {
    const chosen = path.join(folder, 'table.csv');
    for (const [content, name] of [
      ['a,b\n1,2\n', 'table.csv'],
      ['a\n', 'table (1).csv'],
    ]) {
      writeFileSync(chosen, content);
      const before = await notebook.cell(at('upload'));
      await notebook.pressRun(at('upload'));
      const button = await page.waitForSelector('.live-upload button');
      const [chooser] = await Promise.all([page.waitForFileChooser(), button.click()]);
      await chooser.accept([chosen]);
      assert.equal((await notebook.ended(at('upload'), before.count ?? 0)).state, 'ok');
      const said = await notebook.stream(at('upload'));
      assert.equal(
        said,
        `Saving table.csv to ${name}\nUser uploaded file "${name}" with length ${content.length} bytes`,
      );
    }
  });

  await t.step('files.download arrives in the browser', async () => {
    const found = await downloaded(t.browser, () => notebook.run(at('download')));
    assert.deepEqual(found, { name: 'example.txt', text: 'some content' });
  });

  await t.step('a button of the output calls a function of the notebook', async () => {
    const frame = await notebook.frame(await run('callback'));
    await clickIn(frame, '#go');
    await says(frame, /^5$/, '#sum');
    await says(frame, /adding/);
  });

  await t.step('Python evaluates JavaScript and reads its own notebook', async () => {
    await says(
      await notebook.frame(await run('evaluate')),
      /2 \{'a': \[None\]\}\s+MessageError .*missing is not defined/,
    );
    assert.equal(
      await notebook.stream(await run('itself')),
      `${ids.length} For Colab.ipynb with open('example.txt', 'w') as f:`,
    );
  });

  await t.step('tabs and grids take output', async () => {
    const frame = await notebook.frame(await run('tabs'));
    await says(frame, /in the first[^]*cell 00\s+cell 01\s+cell 10\s+cell 11/);
    assert.doesNotMatch(await text(frame), /in the second/);
    await clickIn(frame, '[role=tab]:nth-child(2)');
    await says(frame, /in the second\s+bold in the second/);
    assert.doesNotMatch(await text(frame), /in the first/);
    assert.equal(await frame.$eval('#bold', (bold) => bold.closest('[role=tabpanel]') !== null), true);
    assert.equal(await frame.$$eval('th', (cells) => cells.length), 2);
  });

  await t.step('a table pages, sorts and filters beyond the rows that it holds', async () => {
    const frame = await notebook.frame(await run('table'));
    const first = () => frame.$eval('tbody tr', (row) => [...row.cells].map((cell) => cell.innerText).join('|'));
    await says(frame, /1–10 of 3,000 rows/);
    await clickIn(frame, 'button[aria-label="Next page"]');
    await says(frame, /11–20 of/);
    assert.equal(await first(), '10|10|row 10');
    const header = 'th:nth-child(2) button';
    await clickIn(frame, header);
    await until('one order', async () => (await first()) === '0|0|row 0');
    await clickIn(frame, header);
    await until('the other order', async () => (await first()) === '2999|2999|row 2999');
    await (await frame.waitForSelector('input[type=search]')).type('row 299');
    await says(frame, /of 11 rows/);
  });

  await t.step('outputs with a tag go, others stay, and places take what is printed', async () => {
    await run('tags');
    await until('only what stays', async () => {
      // What was in a frame while it ran may stay in one.
      const framed = await page.$(`[data-cell="${at('tags')}"] iframe.lo-frame`);
      const found = await (framed
        ? notebook.frame(at('tags')).then((frame) => text(frame))
        : notebook.output(at('tags')));
      return (/stays/.test(found) && !/old|moment/.test(found)) || Promise.reject(new Error(found));
    });
    const frame = await notebook.frame(await run('areas'));
    await says(frame, /^in the place\s*$/, '#place');
    await says(frame, /at the top/, '#output-header');
  });

  await t.step('a program that brings the upload of older versions gets what is chosen in its output', async () => {
    const chosen = path.join(folder, 'large.bin');
    writeFileSync(chosen, 'ab'.repeat(120_000));
    const before = await notebook.cell(at('older'));
    await notebook.pressRun(at('older'));
    const frame = await notebook.frame(at('older'));
    const input = await frame.waitForSelector('#files-1:not([disabled])');
    await input.uploadFile(chosen);
    assert.equal((await notebook.ended(at('older'), before.count ?? 0)).state, 'ok');
    await says(frame, /large\.bin: 100% done[^]*\{'large\.bin': \(240000, 120000\)\}/);
    rmSync(folder, { recursive: true });
  });

  await t.step('it looks right, and the saved notebook shows the same where nothing runs', async () => {
    for (const [theme, width] of [
      ['light', 1280],
      ['dark', 1280],
      ['dark', 390],
    ]) {
      await page.setViewport({ width, height: 800 });
      await page.evaluate((name) => (document.documentElement.dataset.theme = name), theme);
      for (const id of ['tabs', 'table']) {
        await notebook.show(at(id));
        await t.shot(page, `${id}-${theme}-${width}`);
      }
    }
    await page.setViewport({ width: 1280, height: 800 });
    const copy = await t.api.call('POST', `/files/${file.id}/copy`, { name: 'Copy.ipynb' });
    const saved = await t.open(copy, { page });
    const tabs = await saved.frame(at('tabs'));
    await says(tabs, /in the first/);
    await clickIn(tabs, '[role=tab]:nth-child(2)');
    await says(tabs, /bold in the second/);
    const older = await saved.frame(at('older'));
    await says(older, /Run the cell to choose files\./);
    assert.equal(await older.$eval('#files-1', (input) => input.disabled), true);
    const table = await saved.frame(at('table'));
    await says(table, /1–10 of 1,000 rows[^]*The first 1,000 of 3,000 rows are in the notebook/);
  });
});
