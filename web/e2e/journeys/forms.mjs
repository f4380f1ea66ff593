// Forms: fields of every kind write their literal into the code and nothing else, a colleague sees it and runs nothing by
// it, who may only read changes nothing; code is shown and hidden, fields are added. Then a secret: code is refused it,
// the person grants it where the page says so, and the code reads it.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { journey } from '../src/journey.mjs';
import { looksRight } from '../src/looks.mjs';
import { answerDialog, press, role } from '../src/ui.mjs';

const CANARY = 'canary-value-of-a-secret';
// As any language can, over HTTP; google.colab.userdata does the same.
const READ = `import os
from urllib import request as web
env = os.environ
url = env['LABORA_ASK']
url += '/labora/secrets/API_KEY'
ask = web.Request(url)
key = 'Bearer ' + env['LABORA_KERNEL']
ask.add_header('Authorization', key)
off = web.ProxyHandler({})
got = web.build_opener(off).open(ask)
print(got.read().decode()[::-1])`;
const FORM = `#@title Everything { run: "auto" }
#@markdown Some **text** with a [link](https://example.org).
import json
name = 'Ada'  #@param {type:"string", placeholder: "who"}
flag = False #@param {type:"boolean"}
count = 3 #@param {type:"integer"}
rate =  0.5  # learning rate #@param
level = 2 #@param {type:"slider", min:0, max:10, step:1}
day = '2024-01-31' #@param {type:"date"}
kind = "b" #@param ["a", "b", "c d"]
model = "x" #@param ["x", "y"] {allow-input: true}
what = [1, 2] #@param {type:"raw"}
print(name, flag, count, level, kind, model, what)`;

await journey('forms', async (t) => {
  const file = await t.notebook(
    [FORM, '#@title Hidden { display-mode: "form" }\nanswer = 42 #@param {type:"integer"}', 'plain = 1', READ],
    'Forms.ipynb',
  );
  let olga;
  let emil;
  const front = async (one) => {
    await one.page.bringToFront();
    return one;
  };
  const source = async (one, id = 'cell-0') => (await one.cell(id)).source;
  const field = (kind, name) => role(olga.page, kind, name);
  /** Selects what a field has, as a person does, and types over it. */
  async function retype(name, text) {
    const input = await field('textbox', name).waitHandle();
    await input.click({ count: 3 });
    await olga.type(text);
  }
  const formOf = (id) => `section[data-cell="${id}"] .nb-form`;

  await t.step('a form is drawn beside its code', async () => {
    olga = await t.open(file);
    await olga.page.waitForSelector(`${formOf('cell-0')} .nb-field`);
    const labels = await olga.page.$$eval(`${formOf('cell-0')} .nb-field label`, (all) =>
      all.map((one) => one.innerText),
    );
    assert.deepEqual(labels, ['name', 'flag', 'count', 'level', 'day', 'kind', 'model', 'what']);
    // Its title says that the code is not shown.
    assert.equal(await olga.page.$('section[data-cell="cell-1"] .nb-source'), null);
    await t.shot(olga.page, 'both-1280');
    await olga.page.setViewport({ width: 390, height: 1200 });
    await t.shot(olga.page, 'both-390');
    await olga.page.setViewport({ width: 1280, height: 800 });
  });

  await t.step('each field writes its literal and nothing else, and runs the cell once it rests', async () => {
    await retype('name', `O'Hara "the first"`);
    await press(olga.page, 'Enter');
    await olga.ended('cell-0');
    await olga.waitOutput('cell-0', /O'Hara "the first" False 3 2 b x \[1, 2\]/);
    await field('checkbox', 'flag').click();
    await retype('count', '12');
    await olga.page.focus(`${formOf('cell-0')} input[type=range]`);
    await press(olga.page, 'ArrowRight');
    await olga.page.select(`${formOf('cell-0')} select`, '2');
    await retype('model', 'mine');
    await retype('what', '{"a": 1}');
    await press(olga.page, 'Enter');
    await olga.waitOutput('cell-0', /O'Hara "the first" True 12 3 c d mine \{'a': 1\}/);
    const wanted = FORM.replace("'Ada'", `'O\\'Hara "the first"'`)
      .replace('False #', 'True #')
      .replace('count = 3', 'count = 12')
      .replace('level = 2', 'level = 3')
      .replace('"b" #', '"c d" #')
      .replace('"x" #', '"mine" #')
      .replace('[1, 2] #', '{"a": 1} #');
    assert.equal(await source(olga), wanted);
  });

  await t.step('what is no number is refused at the field', async () => {
    await retype('count', 'many');
    await olga.page.waitForSelector(`${formOf('cell-0')} [role=alert]`);
    assert.match(await source(olga), /^count = 12 /m);
    await press(olga.page, 'Escape');
    assert.equal(await olga.page.$(`${formOf('cell-0')} [role=alert]`), null);
  });

  await t.step("a colleague's change shows and runs nothing; who may only read changes nothing", async () => {
    const account = await t.colleague('Emil Editor', 'emil');
    const given = await t.api.call('POST', `/files/${file.id}/permissions`, { account_id: account.id, role: 'editor' });
    const runs = async () => (await t.api.call('GET', `/files/${file.id}/executions`)).executions.length;
    const before = await runs();
    emil = await t.open(file, { account });
    // He types in the code what she has a field for: nobody pressed a field, so nothing runs.
    await emil.edit('cell-0');
    await press(emil.page, 'Ctrl+Home ArrowDown ArrowDown ArrowDown End');
    await emil.type(' # seen');
    await front(olga);
    await until('his words', async () => /# seen$/m.test(await source(olga)));
    assert.equal(await runs(), before);
    await t.api.call('PATCH', `/files/${file.id}/permissions/${given.id}`, { role: 'viewer' });
    await front(emil);
    await emil.page.waitForSelector(`${formOf('cell-0')} select:disabled`);
    const open = await emil.page.$$eval(
      `${formOf('cell-0')} :is(input, select)`,
      (all) => all.filter((one) => !one.disabled && !one.readOnly).length,
    );
    assert.equal(open, 0);
    await emil.page.browserContext().close();
    await front(olga);
  });

  await t.step('a double click on the title hides the code, the button shows it', async () => {
    const title = await olga.page.$(`${formOf('cell-0')} .nb-form-title`);
    await title.click({ count: 2 });
    await until('no code', async () => (await source(olga)) === null);
    await olga.waitSaved();
    assert.equal((await t.api.call('GET', `/files/${file.id}/download`)).cells[0].metadata.cellView, 'form');
    await looksRight(t, olga.page, 'form');
    const button = await olga.page.$(`${formOf('cell-0')} button[aria-expanded=false]`);
    await button.click();
    await until('the code', async () => (await source(olga)) !== null);
    await (await olga.page.$(`${formOf('cell-0')} button[aria-expanded=true]`)).click();
    await until('no code', async () => (await source(olga)) === null);
  });

  await t.step('a field is added, and the title gets attributes', async () => {
    await olga.select('cell-2');
    await olga.menu('Insert', 'Add a form field');
    await olga.page.waitForSelector('[role=dialog] select');
    await olga.page.select('[role=dialog] select', 'slider');
    await role(olga.page, 'textbox', 'Name of the variable').fill('speed');
    await role(olga.page, 'textbox', 'First value').fill('7');
    await answerDialog(olga.page, 'Add');
    assert.equal(await source(olga, 'cell-2'), 'speed = 7 #@param {type:"slider", min:0, max:100, step:1}\nplain = 1');
    await olga.menu('Edit', 'Edit form attributes');
    await role(olga.page, 'textbox', 'Title').fill('Made here');
    await role(olga.page, 'checkbox', 'Run the cell when a field changes').click();
    await olga.page.select('[role=dialog] select', 'form');
    await t.shot(olga.page, 'attributes');
    await answerDialog(olga.page, 'Save');
    await until('no code', async () => (await source(olga, 'cell-2')) === null);
    await olga.waitSaved();
    const { cells } = await t.api.call('GET', `/files/${file.id}/download`);
    assert.match(
      [cells[2].source].flat().join(''),
      /^#@title Made here \{ run: "auto", display-mode: "form" \}\nspeed = 7 /,
    );
    assert.equal(cells[2].metadata.cellView, undefined);
  });

  await t.step('code is refused a secret, which its person then grants', async () => {
    await olga.button('Secrets');
    await role(olga.page, 'button', 'Add a secret').click();
    await olga.page.type('[role=dialog] input[type=text]', 'API_KEY');
    await olga.page.type('[role=dialog] input[type=password]', CANARY);
    await role(olga.page, 'checkbox', 'Notebook access').click();
    await answerDialog(olga.page, 'Save');
    await olga.page.waitForSelector('.nb-secret');
    await olga.run('cell-3');
    await olga.waitOutput('cell-3', /HTTP Error 403/);
    await olga.page.waitForSelector('.nb-banners .ui-banner');
    await looksRight(t, olga.page, 'secrets');
    await olga.button('Grant access');
    await olga.page.waitForFunction(() => document.querySelector('.nb-banners .ui-banner') === null);
    await olga.run('cell-3');
    await olga.waitOutput('cell-3', new RegExp([...CANARY].reverse().join('')));
  });

  await t.step('its value is in nothing that is given away', async () => {
    await olga.waitSaved();
    const saved = JSON.stringify(await t.api.call('GET', `/files/${file.id}/download`));
    assert.ok(!saved.includes(CANARY));
    assert.ok(!t.server.log.includes(CANARY));
    assert.equal(await olga.page.evaluate((value) => document.body.innerText.includes(value), CANARY), false);
    await role(olga.page, 'button', 'Show the value of API_KEY').click();
    await olga.page.waitForFunction((value) => document.body.innerText.includes(value), {}, CANARY);
  });
});
