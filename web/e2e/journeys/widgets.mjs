// Jupyter widgets with a real kernel: they move, others see them move, and what is saved of them is drawn without one.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { journey } from '../src/journey.mjs';
import { answerDialog } from '../src/ui.mjs';

const COUNTER = `import anywidget, traitlets
class Counter(anywidget.AnyWidget):
    _esm = '''export default { render({ model, el, experimental }) {
      const button = document.createElement("button");
      const draw = () => { button.textContent = "count is " + model.get("value"); };
      button.onclick = () => { model.set("value", model.get("value") + 1); model.save_changes(); };
      model.on("change:value", draw);
      draw();
      el.append(button);
      const said = document.createElement("p");
      experimental.invoke("greet", "Ada").then(([text]) => { said.textContent = text; }, () => {});
      el.append(said);
    } };'''
    value = traitlets.Int(4).tag(sync=True)
    @anywidget.experimental.command
    def greet(self, name, buffers):
        return "hello " + name, buffers
counter = Counter()
counter`;
const CELLS = [
  `import io, ipywidgets as w
from IPython.display import Image, display
from PIL import Image as Picture
slider = w.IntSlider(value=3, description="size")
def show(n):
    print("square", n * n)
    data = io.BytesIO()
    Picture.new("RGB", (n * 10, 10), "teal").save(data, "png")
    display(Image(data.getvalue()))
w.interactive(show, n=slider)`,
  'slider',
  COUNTER,
  'print(slider.value, counter.value)',
];

await journey('widgets', async (t) => {
  const vera = await t.colleague('Vera Viewer', 'vera');
  const file = await t.notebook(CELLS);
  await t.api.call('POST', `/files/${file.id}/permissions`, { account_id: vera.id, role: 'viewer' });
  const olga = await t.open(file);

  const ask = (who, cell, work, ...args) => who.frame(`cell-${cell}`).then((frame) => frame.evaluate(work, ...args));
  const seen = (who, cell, pattern) =>
    until(`${pattern} in cell ${cell}`, async () => {
      // Firefox leaves lines out of `innerText` that it need not paint now.
      const text = await ask(who, cell, () => document.getElementById('output-area').textContent);
      return pattern.test(text) ? text : Promise.reject(new Error(text.slice(0, 300)));
    });
  const press = (who, cell, key) =>
    ask(
      who,
      cell,
      (pressed) => {
        const handle = document.querySelector('.noUi-handle');
        handle.dispatchEvent(new KeyboardEvent('keydown', { key: pressed, bubbles: true, cancelable: true }));
      },
      key,
    );
  const width = (who) => ask(who, 0, () => document.querySelector('.lo-widget-outputs img')?.naturalWidth);
  const still = (who, cell) => ask(who, cell, () => document.querySelector('.noUi-target').hasAttribute('disabled'));

  await t.step('a slider moves what its function prints and draws', async () => {
    for (const cell of [0, 1]) assert.equal((await olga.run(`cell-${cell}`)).state, 'ok');
    await seen(olga, 0, /square 9/);
    await press(olga, 0, 'ArrowRight');
    await seen(olga, 0, /square 16/);
    await until('the picture', async () => (await width(olga)) === 40);
    await t.shot(olga.page, 'slider');
  });

  await t.step('the same slider in another cell keeps in step, and so does the kernel', async () => {
    await seen(olga, 1, /size\s*4/);
    await press(olga, 1, 'ArrowRight');
    await seen(olga, 0, /size\s*5[^]*square 25/);
  });

  await t.step('an anywidget counts, and calls a function of its class', async () => {
    assert.equal((await olga.run('cell-2')).state, 'ok');
    await seen(olga, 2, /count is 4\s*hello Ada/);
    await ask(olga, 2, () => document.querySelector('button').click());
    await seen(olga, 2, /count is 5/);
    await olga.run('cell-3');
    assert.equal(await olga.stream('cell-3'), '5 5');
  });

  let theirs;
  await t.step('somebody else sees it move, and whose it is, and cannot move it', async () => {
    theirs = await t.open(file, { account: vera });
    await seen(theirs, 0, /size\s*5[^]*square 25[^]*On Olga Owner’s machine/);
    assert.equal(await still(theirs, 0), true);
    await press(theirs, 0, 'ArrowRight');
    await press(olga, 0, 'ArrowRight');
    await seen(theirs, 0, /size\s*6[^]*square 36/);
    await until('the picture', async () => (await width(theirs)) === 60);
    await seen(olga, 0, /size\s*6[^]*square 36/);
  });

  await t.step('a reload shows the same state, which moves on', async () => {
    await olga.reload();
    await seen(olga, 0, /size\s*6[^]*square 36/);
    await press(olga, 0, 'ArrowRight');
    await seen(olga, 0, /size\s*7[^]*square 49/);
    await seen(theirs, 0, /square 49/);
  });

  await t.step('a restart makes it still', async () => {
    // A page behind another may miss a click on a menu.
    await olga.page.bringToFront();
    await olga.menu('Tools', 'Save widget state in the notebook');
    await until('the word that it is saved', () =>
      olga.page.evaluate(() => /widgets are saved in the notebook/.test(document.body.innerText)),
    );
    await olga.menu('Runtime', 'Restart kernel');
    await answerDialog(olga.page, 'Restart');
    // Her own frame is made anew for another life of the kernel; whether it hears of the end or begins after it is open.
    await seen(olga, 0, /square 49[^]*(Its kernel has ended|As it was saved)/);
    await until('it to be still', () => still(olga, 0));
    await seen(theirs, 0, /Its kernel has ended/);
  });

  await t.step('what was saved is drawn without a kernel', async () => {
    await olga.reload();
    await seen(olga, 0, /size\s*7[^]*square 49[^]*As it was saved/);
    assert.equal(await still(olga, 0), true);
    await seen(olga, 1, /size\s*7/);
    await seen(olga, 2, /count is 5/);
    await t.shot(olga.page, 'saved');
  });

  await t.step('a widget that is nowhere shows its text, and says what to do', async () => {
    const view = {
      output_type: 'display_data',
      metadata: {},
      data: {
        'application/vnd.jupyter.widget-view+json': { version_major: 2, version_minor: 0, model_id: 'lost' },
        'text/plain': 'IntSlider(value=1)',
      },
    };
    const cell = {
      id: 'cell-0',
      cell_type: 'code',
      source: 'slider',
      metadata: {},
      outputs: [view],
      execution_count: 1,
    };
    const lost = await t.upload({ cells: [cell], metadata: {}, nbformat: 4, nbformat_minor: 5 }, 'Lost.ipynb');
    const notebook = await t.open(lost, { page: olga.page });
    await seen(notebook, 0, /IntSlider\(value=1\)\s*Run the cell to bring this widget to life/);
  });
});
