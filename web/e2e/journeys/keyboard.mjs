// Everything by the keyboard alone, with Colab's keys: running, chords, moving, selecting, clipboard, palette, help.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { journey } from '../src/journey.mjs';
import { press } from '../src/ui.mjs';

await journey('keyboard', async (t) => {
  const file = await t.notebook(['a = 1', 'b = 2', 'c = 3']);
  const notebook = await t.open(file);
  const { page } = notebook;
  const active = async () => (await notebook.activeCell())?.source ?? null;
  const becomes = (read, expected) =>
    until(JSON.stringify(expected), async () => {
      const now = await read();
      return JSON.stringify(now) === JSON.stringify(expected) || Promise.reject(new Error(JSON.stringify(now)));
    });
  const stand = async () => (await notebook.activeCell())?.stand ?? null;
  const sources = (expected) => becomes(() => notebook.sources(), expected);
  const selected = async () =>
    (await notebook.cells()).filter((cell) => cell.stand !== 'none').map((cell) => cell.source);

  await t.step('Tab reaches the cells; arrows, J and K go from one to the next', async () => {
    await notebook.select('cell-0');
    await press(page, 'ArrowDown');
    await becomes(active, 'b = 2');
    await press(page, 'J');
    await becomes(active, 'c = 3');
    await press(page, 'K');
    await press(page, 'ArrowUp');
    await becomes(active, 'a = 1');
    await becomes(
      () => page.evaluate(() => document.activeElement.closest('section[data-cell]')?.dataset.cell),
      'cell-0',
    );
  });

  await t.step('Enter edits, Esc leaves; the caret crosses the border of cells', async () => {
    await press(page, 'Enter');
    await until('the editor', async () => (await stand()) === 'edit');
    await press(page, 'Ctrl+End');
    await notebook.type(' + 1');
    await press(page, 'ArrowDown');
    await until('the next editor', async () => (await active()) === 'b = 2' && (await stand()) === 'edit');
    await press(page, 'Escape');
    await until('command mode', async () => (await stand()) === 'active');
    await sources(['a = 1 + 1', 'b = 2', 'c = 3']);
  });

  await t.step('Shift+Enter runs and goes on, Ctrl+Enter runs and stays, Alt+Enter inserts', async () => {
    await notebook.select('cell-0');
    await press(page, 'Shift+Enter');
    await becomes(active, 'b = 2');
    await press(page, 'Ctrl+Enter');
    await becomes(active, 'b = 2');
    await until('the run', async () => (await notebook.cell('cell-1')).count === 2);
    await press(page, 'Alt+Enter');
    await sources(['a = 1 + 1', 'b = 2', '', 'c = 3']);
    await becomes(stand, 'edit');
    await notebook.type('print(a + b)');
    await press(page, 'Shift+Enter');
    await until('the runs', async () => (await notebook.cells())[2].state === 'ok');
    const [first, second, third] = await notebook.cells();
    assert.deepEqual([first.count, second.count, third.count], [1, 3, 4]);
    await becomes(() => notebook.stream(third.id), '4');
    await until('the editor of the next', async () => (await active()) === 'c = 3');
    await press(page, 'Shift+Enter');
    await sources(['a = 1 + 1', 'b = 2', 'print(a + b)', 'c = 3', '']);
    await press(page, 'Escape');
  });

  await t.step('Ctrl+M A, B, D and Z: above, below, delete, undo', async () => {
    await press(page, 'Ctrl+M D');
    await sources(['a = 1 + 1', 'b = 2', 'print(a + b)', 'c = 3']);
    await notebook.select('cell-1');
    await press(page, 'Ctrl+M B');
    await notebook.type('below');
    await press(page, 'Escape');
    await notebook.select('cell-1');
    await press(page, 'Ctrl+M A');
    await notebook.type('above');
    await sources(['a = 1 + 1', 'above', 'b = 2', 'below', 'print(a + b)', 'c = 3']);
    await press(page, 'Ctrl+M D');
    await sources(['a = 1 + 1', 'b = 2', 'below', 'print(a + b)', 'c = 3']);
    await press(page, 'Ctrl+M Z');
    await sources(['a = 1 + 1', 'above', 'b = 2', 'below', 'print(a + b)', 'c = 3']);
    await press(page, 'Ctrl+M D');
    await sources(['a = 1 + 1', 'b = 2', 'below', 'print(a + b)', 'c = 3']);
  });

  await t.step('Ctrl+M M and Y turn a cell into text and back', async () => {
    await notebook.select('cell-0');
    await press(page, 'Ctrl+M M');
    await until('text', async () => (await notebook.cell('cell-0')).kind === 'markdown');
    await press(page, 'Ctrl+M Y');
    await until('code', async () => (await notebook.cell('cell-0')).kind === 'code');
  });

  await t.step('Ctrl+M - splits at the caret, Ctrl+M / merges, Ctrl+M K and J move', async () => {
    await notebook.edit('cell-0');
    await press(page, 'Ctrl+Home');
    for (let at = 0; at < 4; at++) await press(page, 'ArrowRight');
    await press(page, 'Ctrl+M -');
    await until('two cells', async () => (await notebook.cells()).length === 6);
    const [first, second] = await notebook.sources();
    assert.equal(`${first.trimEnd()} ${second.trimStart()}`.replace('  ', ' '), 'a = 1 + 1');
    await press(page, 'Escape');
    await notebook.select('cell-0');
    await press(page, 'Ctrl+M /');
    await until('one cell', async () => (await notebook.cells()).length === 5);
    await notebook.select('cell-2');
    await press(page, 'Ctrl+M K');
    await until('it above', async () => (await notebook.cells()).at(-2).id === 'cell-2');
    await press(page, 'Ctrl+M J');
    await until('it below', async () => (await notebook.cells()).at(-1).id === 'cell-2');
  });

  await t.step('Shift+arrows select several; cut, copy and paste take them along with their outputs', async () => {
    const before = await notebook.sources();
    await notebook.select('cell-1');
    await press(page, 'Shift+ArrowDown');
    await press(page, 'Shift+ArrowDown');
    await becomes(selected, ['b = 2', 'below', 'print(a + b)']);
    await press(page, 'Shift+ArrowUp');
    await becomes(selected, ['b = 2', 'below']);
    await press(page, 'Ctrl+X');
    await sources([before[0], 'print(a + b)', 'c = 3']);
    await press(page, 'Ctrl+V');
    await sources([before[0], 'print(a + b)', 'b = 2', 'below', 'c = 3']);
    const printing = (await notebook.cells())[1].id;
    await notebook.select(printing);
    await press(page, 'Ctrl+C');
    await notebook.select('cell-2');
    await press(page, 'Ctrl+V');
    await sources([before[0], 'print(a + b)', 'b = 2', 'below', 'c = 3', 'print(a + b)']);
    const copy = (await notebook.cells()).at(-1).id;
    await until('the output of the copy', async () => (await notebook.stream(copy)) === '4');
    await press(page, 'Ctrl+Shift+A');
    await becomes(async () => (await selected()).length, 6);
  });

  await t.step('the command palette finds and runs a command', async () => {
    await notebook.select('cell-0');
    await press(page, 'Ctrl+Shift+P');
    await page.waitForSelector('[role=dialog] input');
    await notebook.type('line num');
    await press(page, 'Enter');
    await page.waitForSelector('.nb-lines, .cm-lineNumbers');
    await until('the palette to close', async () => (await page.$('[role=dialog]')) === null);
    await press(page, 'Ctrl+M L');
    await until('no numbers', async () => (await page.$('.nb-lines, .cm-lineNumbers')) === null);
    await press(page, 'Ctrl+M H');
    const help = await page.waitForSelector('[role=dialog]:focus-within .nb-shortcuts');
    assert.match(await help.evaluate((element) => element.innerText), /Run and insert a cell/);
    await press(page, 'Escape');
    await until('the help to close', async () => (await page.$('[role=dialog]')) === null);
  });

  await t.step('the menu bar works by arrows', async () => {
    await page.focus('[role=menubar] [role=menuitem]');
    for (const name of ['Edit', 'View', 'Insert']) {
      await press(page, 'ArrowRight');
      await until(name, () => page.evaluate((menu) => document.activeElement.textContent === menu, name));
    }
    await press(page, 'Enter');
    await page.waitForSelector('[role=menu]:focus-within');
    assert.match(await page.$eval('[role=menu]', (menu) => menu.innerText), /Code cell above/);
    await press(page, 'Escape');
    await until('the menu to close', async () => (await page.$('[role=menu]')) === null);
  });

  await t.step('Tab completes by the kernel, Shift+Tab shows documentation', async () => {
    // A list that has just appeared ignores Enter for 75 ms, so that it does not take one that was meant for the text.
    const accept = async () => {
      await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 150)));
      await press(page, 'Enter');
    };
    await notebook.edit('cell-2');
    await notebook.retype('import math\nlong_variable_name = 7');
    const { count } = await notebook.cell('cell-2');
    await press(page, 'Ctrl+Enter');
    await notebook.ended('cell-2', count ?? 0);
    assert.equal((await notebook.cell('cell-2')).state, 'ok');
    await notebook.waitPhase('ready');
    await notebook.retype('long_var');
    await press(page, 'Tab');
    await page.waitForSelector('.cm-tooltip-autocomplete [role=option]');
    await accept();
    await until('the completion', async () => (await notebook.cell('cell-2')).source === 'long_variable_name');
    await notebook.retype('math');
    await notebook.type('.');
    await page.waitForSelector('.cm-tooltip-autocomplete [role=option]');
    await notebook.type('fact');
    await until('one option', async () => {
      const options = await page.$$eval('.cm-tooltip-autocomplete [role=option]', (all) =>
        all.map((one) => one.innerText),
      );
      return options.length === 1 && /factorial/.test(options[0]);
    });
    await accept();
    await until('the completion', async () => (await notebook.cell('cell-2')).source === 'math.factorial');
    await press(page, 'Shift+Tab');
    const help = await page.waitForSelector('.nb-inspection');
    assert.match(await help.evaluate((element) => element.innerText), /factorial/i);
    await t.shot(page, 'inspection');
    await press(page, 'Escape');
    await until('the documentation to close', async () => (await page.$('.nb-inspection')) === null);
  });
});
