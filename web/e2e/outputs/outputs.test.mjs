// Outputs in real browsers: what a frame can do, and above all what it cannot (threat model, section 4).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { frameShown, launch, newPerson, until } from '../src/browser.mjs';
import { serve } from './server.mjs';

let server;
before(async () => (server = await serve()));
after(async () => server.close());

let ids = 0;
const display = (data, more = {}) => ({ id: `o${++ids}`, output_type: 'display_data', data, metadata: {}, ...more });
const html = (text) => display({ 'text/html': text, 'text/plain': 'html' });
const script = (text) => display({ 'application/javascript': text });
const stream = (text, more = {}) => ({
  id: `o${++ids}`,
  output_type: 'stream',
  name: 'stdout',
  parts: [],
  text,
  ...more,
});
const blob = (n, size = 9_000) => ({
  $blob: { sha256: n.toString(16).padStart(64, '0'), size, media_type: 'text/html' },
});
const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

for (const name of (process.env.BROWSERS ?? 'chromium,firefox').split(',')) {
  describe(name, () => {
    let browser;
    let page;
    const problems = [];
    before(async () => (browser = await launch(name)));
    after(async () => browser.close());

    const open = async (file = 'one', query = '') => {
      await page?.browserContext().close();
      problems.length = 0;
      page = await newPerson(browser, problems);
      await page.goto(`${server.url}/?file=${file}${query}`);
      await page.waitForFunction(() => window.harness?.show && document.querySelector('main') !== null);
    };
    const show = (cells) => page.evaluate((given) => window.harness.show(given), cells);
    /** The frame of a cell, once it shows outputs. */
    const frameOf = (cell) => {
      const shown = () => document.getElementById('output-area')?.childElementCount > 0;
      return frameShown(page, `#${cell} iframe.lo-frame`, shown);
    };
    const text = (frame) => frame.evaluate(() => document.body.innerText);

    test('passive outputs stand in the page, without a frame or a violation of its policy', async () => {
      await open();
      const outputs = [
        stream('\u001b[1;32mok\u001b[0m done\n'),
        display({ 'text/markdown': '**bold** $x^2$ <img src=x onerror=canary()>' }),
        display({ 'application/json': { a: [1, 2] } }),
        {
          id: 'e',
          output_type: 'error',
          ename: 'ValueError',
          evalue: 'no',
          traceback: ['\u001b[31mValueError\u001b[0m: no'],
        },
      ];
      await show([{ id: 'c', outputs }]);
      await page.waitForSelector('#c .katex');
      assert.equal(await page.$('iframe.lo-frame'), null);
      const style = await page.$eval('#c .lo-bold', (span) => getComputedStyle(span).fontWeight);
      assert.equal(style, '700');
      assert.match(await page.$eval('#c .lo-error', (element) => element.textContent), /ValueError.*no/s);
      assert.deepEqual(await page.evaluate(() => window.harness.violations), []);
    });

    test('scripts of a cell run in order and share their globals', async () => {
      await open();
      const slow = 'data:text/javascript,' + encodeURIComponent('order.push("b")');
      await show([
        {
          id: 'c',
          outputs: [
            html(`<script>var order = ["a"]</script><script src="${slow}"></script><script>order.push("c")</script>`),
            stream('between\n'),
            display({ 'text/html': blob(10_001) }),
            script('order.push("d"); function shared() { return order.join("") }'),
            html('<p id="result"></p><script>document.getElementById("result").textContent = shared()</script>'),
            script('element.append("own place " + (document.getElementById("from-blob") !== null))'),
          ],
        },
      ]);
      const frame = await frameOf('c');
      await until('the scripts', async () => /own place true/.test(await text(frame)));
      assert.match(await text(frame), /between\s+10001\s+abcd\s+own place true/);
    });

    test('an update touches its own node, an append appends, and the frame stays', async () => {
      await open();
      const [first, second] = [html('<i>one</i>'), html('<i class="kept">two</i>')];
      await show([{ id: 'c', outputs: [first, second] }]);
      const frame = await frameOf('c');
      await frame.waitForSelector('.kept');
      await frame.evaluate(() => (document.querySelector('.kept').mark = 7));
      const updated = { ...first, data: { 'text/html': '<i>changed</i>' } };
      await show([{ id: 'c', outputs: [updated, second, stream('tail')] }]);
      await until('the update', async () => /changed\s+two\s+tail/.test(await text(frame)));
      assert.equal(await frame.evaluate(() => document.querySelector('.kept').mark), 7);
    });

    test('the height follows the content, up to a bound', async () => {
      await open();
      await show([{ id: 'c', outputs: [html('<div id="box" style="height:300px;background:teal">x</div>')] }]);
      const frame = await frameOf('c');
      const height = () => page.$eval('#c .lo-frame-slot', (slot) => slot.offsetHeight);
      await until('300 px', async () => (await height()) >= 300 && (await height()) < 330);
      await frame.evaluate(() => (document.getElementById('box').style.height = '450px'));
      await until('450 px', async () => (await height()) >= 450 && (await height()) < 480);
      await frame.evaluate(() => (document.getElementById('box').style.height = '120px'));
      await until('120 px', async () => (await height()) < 150);
    });

    test('Escape and the keys that run a cell reach the notebook', async () => {
      await open();
      await show([{ id: 'c', outputs: [html('<input id="field">')] }]);
      const field = await (await frameOf('c')).waitForSelector('#field');
      await field.click();
      await page.keyboard.press('Escape');
      await page.keyboard.down('Control');
      await page.keyboard.press('Enter');
      await page.keyboard.up('Control');
      await until('the keys', async () => (await page.evaluate(() => window.harness.keys.length)) === 2);
      const keys = await page.evaluate(() => window.harness.keys);
      assert.deepEqual(
        keys.map(({ cellId, key, ctrl }) => [cellId, key, ctrl]),
        [
          ['c', 'Escape', false],
          ['c', 'Enter', true],
        ],
      );
      await until('the focus', async () => (await page.evaluate(() => window.harness.focused.join())) === 'c');
    });

    /** Chooses from the menu of a cell's outputs, by the keyboard. */
    const choose = async (cell, ...labels) => {
      await page.focus(`#${cell} .lo-tools [aria-haspopup=menu]`);
      await page.keyboard.press('Enter');
      for (const label of labels) {
        const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '');
        await page.waitForSelector('[role=menu] [role=menuitem]');
        await until(label, async () => {
          if ((await focused()).includes(label)) return true;
          await page.keyboard.press('ArrowDown');
          return false;
        });
        await page.keyboard.press('Enter');
      }
    };
    /** What was saved last: its name and, drawn, its size and the colour in its middle. */
    const saved = async (count) => {
      await until('the file', () => page.evaluate((n) => window.harness.saved.length >= n, count));
      return page.evaluate(async () => {
        const { name, blob } = window.harness.saved.at(-1);
        const image = await createImageBitmap(blob).catch(() => null);
        if (image === null) return { name, text: await blob.text() };
        const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
        context.drawImage(image, 0, 0);
        const at = (x, y) => Array.from(context.getImageData(x * image.width, y * image.height, 1, 1).data).slice(0, 3);
        return { name, ratio: image.width / image.height, middle: at(0.5, 0.5), corner: at(0.02, 0.02) };
      });
    };

    test('one output of several is removed, by the keyboard', async () => {
      await open();
      const outputs = [stream('a\n'), display({ 'text/plain': 'the second' }), stream('b\n')];
      await show([{ id: 'c', outputs }]);
      await choose('c', '2. the second', 'Remove this output');
      await until('the removal', () => page.evaluate(() => window.harness.removed.length > 0));
      assert.deepEqual(await page.evaluate(() => window.harness.removed), [['c', outputs[1].id]]);
    });

    test('images are saved as they are, drawings of a frame as PNG, on choice only', async () => {
      await open();
      const dot = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
      const svg =
        '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><rect width="80" height="40" fill="#00f"/></svg>';
      const layers = `<div style="position:relative;width:200px;height:100px"><canvas id="a" width="200" height="100"></canvas>
        <canvas id="b" width="200" height="100" style="position:absolute;left:0;top:0"></canvas></div><button>+</button>
        <script>for (const [id, color, side] of [['a', '#f00', 200], ['b', '#0f0', 100]]) {
          const context = document.getElementById(id).getContext('2d');
          context.fillStyle = color; context.fillRect(side === 200 ? 0 : 50, side === 200 ? 0 : 25, side, side / 2); }</script>`;
      const shadow = `<div id="host"></div><script>{ const root = document.getElementById('host').attachShadow({ mode: 'open' });
        root.innerHTML = '<svg width="120" height="60"><rect width="120" height="60" style="fill:rgb(255,255,0)"></rect></svg>'; }</script>`;
      const outputs = [
        display({ 'image/png': dot, 'text/plain': 'dot' }),
        display({ 'image/svg+xml': svg, 'text/plain': 'svg' }),
        display({ 'text/html': layers, 'text/plain': 'layers' }),
        display({ 'text/html': shadow, 'text/plain': 'shadow' }),
        display({ 'text/html': '<b>words</b>', 'text/plain': 'words' }),
      ];
      await show([{ id: 'c', outputs }]);
      const frame = await frameOf('c');
      await until('the outputs', async () => /words/.test(await text(frame)));
      await choose('c', '1. dot', 'Save image');
      assert.equal((await saved(1)).name, 'picture-c-1.png');
      await choose('c', '2. svg', 'Save image');
      assert.match(JSON.stringify(await saved(2)), /"picture-c-2.svg"/);
      await choose('c', '3. layers', 'Save image');
      const [red, green, yellow] = [
        [255, 0, 0],
        [0, 255, 0],
        [255, 255, 0],
      ];
      assert.deepEqual(await saved(3), { name: 'picture-c-3.png', ratio: 2, middle: green, corner: red });
      await choose('c', '4. shadow', 'Save image');
      assert.deepEqual(await saved(4), { name: 'picture-c-4.png', ratio: 2, middle: yellow, corner: yellow });
      await choose('c', '5. words', 'Save image');
      await choose('c', '1. dot', 'Save image');
      // The words gave no file.
      assert.equal((await saved(5)).name, 'picture-c-1.png');
    });

    test('plots of Plotly and Vega and diagrams of Mermaid are saved as PNG', async () => {
      await open();
      const bar = { type: 'bar', x: ['a'], y: [1], marker: { color: '#ff0000' } };
      const layout = { width: 400, height: 300, margin: { l: 0, r: 0, t: 0, b: 0 }, yaxis: { range: [0, 1] } };
      const chart = { data: { values: [{ a: 1 }] }, mark: { type: 'rect', color: '#00ff00' }, width: 200, height: 100 };
      const outputs = [
        display({ 'application/vnd.plotly.v1+json': { data: [bar], layout }, 'text/plain': 'plotly' }),
        display({ 'application/vnd.vegalite.v6+json': chart, 'text/plain': 'vega' }),
        display({ 'text/vnd.mermaid': 'flowchart LR\n  A[Begin] --> B[End]', 'text/plain': 'mermaid' }),
      ];
      await show([{ id: 'c', outputs }]);
      const frame = await frameOf('c');
      await frame.waitForSelector('.js-plotly-plot .bars path');
      await frame.waitForSelector('.vega-embed svg path');
      await frame.waitForSelector('.mermaid-output svg');
      await choose('c', '1. plotly', 'Save image');
      const plot = await saved(1);
      assert.deepEqual([plot.name, plot.middle], ['picture-c-1.png', [255, 0, 0]]);
      assert.ok(Math.abs(plot.ratio - 4 / 3) < 0.01);
      await choose('c', '2. vega', 'Save image');
      const { name: second, middle } = await saved(2);
      assert.deepEqual([second, middle], ['picture-c-2.png', [0, 255, 0]]);
      await choose('c', '3. mermaid', 'Save image');
      const diagram = await saved(3);
      assert.equal(diagram.name, 'picture-c-3.png');
      assert.ok(diagram.ratio > 1);
    });

    test('test_sec_35 a frame that answers unasked, or with something else, saves nothing', async () => {
      await open('hostile');
      await show([{ id: 'c', outputs: [display({ 'text/html': 'x', 'text/plain': 'x' })] }]);
      const frame = await frameShown(page, '#c iframe.lo-frame', () => window.port !== undefined);
      await frame.evaluate(() => {
        const png = new Blob([new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10])], { type: 'image/png' });
        for (let request = 0; request < 50; request += 1)
          window.port.postMessage({ t: 'picture', request, picture: png });
      });
      await later(300);
      assert.deepEqual(await page.evaluate(() => window.harness.saved.length), 0);
      await frame.evaluate(() => {
        window.port.onmessage = ({ data }) => {
          if (data.t !== 'picture') return;
          window.asked = true;
          window.port.postMessage({ ...data, picture: new Blob(['<script>'], { type: 'image/png' }) });
        };
      });
      await choose('c', 'Save image');
      await frame.waitForFunction(() => window.asked);
      await later(300);
      assert.deepEqual(await page.evaluate(() => window.harness.saved.length), 0);
    });

    test('a map of pydeck is drawn by the program of its runtime, where that is this person’s', async () => {
      const address = 'https://cdn.jsdelivr.net/npm/@deck.gl/jupyter-widget@~9.3.*/dist/index.js';
      const maps = `<div id="deck"></div><script src='${address}'></script><script>createDeck('deck')</script>`;
      const program =
        'window.createDeck = (id) => { document.getElementById(id).textContent = "drawn by the runtime"; }';
      const start = (me) =>
        page.evaluate(
          (who, source) => Object.assign(window.harness, { me: who, modules: { pydeck: source } }),
          me,
          program,
        );
      await open();
      await start('ada');
      await show([{ id: 'c', outputs: [html(maps)] }]);
      const frame = await frameOf('c');
      await until('the map', async () => /drawn by the runtime/.test(await text(frame)));
      await open();
      await start('bob');
      await show([{ id: 'c', outputs: [html(maps), stream('next\n')] }]);
      const other = await frameOf('c');
      await until('the note', async () => /Run the cell to see it.\s*next/.test(await text(other)));
      assert.ok(!server.log.some((entry) => /deck/.test(entry.path)));
    });

    test('diagrams in a text stand in frames, which stay while the text around them is written', async () => {
      await open();
      const fence = (body) => `\`\`\`mermaid\nflowchart LR\n  A[${body}] --> B\n\`\`\``;
      const write = (markdown) => show([{ id: 'c', markdown }]);
      const drawn = (n, body) =>
        frameShown(
          page,
          `#c .lo-diagram:nth-of-type(${n}) iframe.lo-frame`,
          `document.querySelector('.mermaid-output svg')?.textContent.includes('${body}') ?? false`,
        );
      await write(`# One\n\n${fence('Begin')}\n\nbetween\n\n${fence('Other')}\n\nend`);
      const frame = await drawn(1, 'Begin');
      await drawn(2, 'Other');
      assert.equal(await page.$('#c code, #c svg'), null);
      await frame.evaluate(() => (window.mark = 7));
      // Half written: it says so, and leaves nothing behind.
      await write('# One\n\n```mermaid\nflowchart LR\n  A[[[ -->\n```\n\nend');
      await frame.waitForFunction(() => /could not be drawn/.test(document.body.innerText));
      assert.equal(await frame.$('body > [id^="dmermaid"], .error-icon'), null);
      await write(`# Two\n\nmore\n\n${fence('Start')}\n\n- between\n\nend`);
      const again = await drawn(1, 'Start');
      assert.equal(await again.evaluate(() => window.mark), 7);
      const words = await page.$eval('#c .lo-markdown', (text) => text.innerText.replace(/\s+/g, ' ').trim());
      assert.equal(words, 'Two more between end');
      assert.equal((await page.$$('#c iframe')).length, 1);
    });

    test('test_sec_33 a diagram runs nothing in the page, and puts nothing that runs into its frame', async () => {
      await open();
      await page.evaluate(() => (window.canary = () => (window.hit = true)));
      const attacks = [
        '%%{init: {"securityLevel": "loose"}}%%\nflowchart LR\n  A["<img src=x onerror=canary()>"] --> B\n  click A canary "x"',
        'flowchart LR\n  A["<script>canary()</script>x"] --> B["<iframe srcdoc=<script>parent.canary()</script>>"]\n  click B "javascript:canary()"',
      ];
      const markdown = attacks.map((body) => `\`\`\`mermaid\n${body}\n\`\`\``).join('\n\n');
      await show([{ id: 'c', markdown }]);
      for (const n of [1, 2]) {
        const ready = () => document.querySelector('.mermaid-output svg, .lo-notice') !== null;
        const frame = await frameShown(page, `#c .lo-diagram:nth-of-type(${n}) iframe.lo-frame`, ready);
        const found = await frame.evaluate(() => [
          document.querySelectorAll('#output-area script, #output-area iframe, #output-area [onerror]').length,
          Array.from(document.querySelectorAll('a'), (a) => a.href?.baseVal ?? a.href).join(),
        ]);
        assert.equal(found[0], 0);
        assert.doesNotMatch(found[1], /javascript/);
      }
      assert.equal(await page.evaluate(() => window.hit), undefined);
      assert.deepEqual(await page.evaluate(() => window.harness.violations), []);
    });

    test('test_sec_35 keys and focus that an output makes up reach nobody', async () => {
      await open();
      const forged = `for (const key of ['Enter', 'Escape']) for (const target of [window, document, document.body])
        target.dispatchEvent(new KeyboardEvent('keydown', { key, ctrlKey: key === 'Enter', bubbles: true }));
        window.dispatchEvent(new Event('focus')); self.forged = true;`;
      await show([{ id: 'c', outputs: [html('<input id="field">'), script(forged)] }]);
      const frame = await frameOf('c');
      await frame.waitForFunction(() => window.forged);
      // Not even where the person works in that very frame.
      await (await frame.$('#field')).click();
      await until('the focus', async () => (await page.evaluate(() => window.harness.focused.length)) > 0);
      await frame.evaluate(forged);
      await page.keyboard.press('Escape');
      await until('the real key', async () => (await page.evaluate(() => window.harness.keys.length)) > 0);
      const keys = await page.evaluate(() => window.harness.keys.map(({ key }) => key));
      assert.deepEqual(keys, ['Escape']);
    });

    test('test_sec_35 a frame that has taken the port over needs the focus to run its cell', async () => {
      await open('hostile');
      await show([{ id: 'c', outputs: [html('x')] }]);
      const frame = await frameShown(page, '#c iframe.lo-frame', () => window.port !== undefined);
      await frame.evaluate(() => {
        const plain = { shift: false, alt: false, meta: false };
        window.port.postMessage({ t: 'key', key: 'Enter', ctrl: true, ...plain });
        window.port.postMessage({ t: 'key', key: 'Escape', ctrl: false, ...plain });
        window.port.postMessage({ t: 'focus' });
      });
      await later(600);
      const told = await page.evaluate(() => [window.harness.keys, window.harness.focused]);
      assert.deepEqual(told, [[], []]);
    });

    test('test_sec_22 the page around a frame is out of reach', async () => {
      await open();
      await show([{ id: 'c', outputs: [html('x')] }]);
      const frame = await frameOf('c');
      const found = await frame.evaluate(() => {
        const attempt = (what) => {
          try {
            return String(what());
          } catch (error) {
            return error.name;
          }
        };
        return [
          attempt(() => parent.document),
          attempt(() => top.localStorage),
          attempt(() => frameElement),
          attempt(() => parent.harness),
          attempt(() => top.document.cookie),
        ];
      });
      assert.deepEqual(found, ['SecurityError', 'SecurityError', 'null', 'SecurityError', 'SecurityError']);
    });

    test('test_sec_23 no cookie of the app is seen, and none that a frame sets reaches it', async () => {
      await open();
      await show([{ id: 'c', outputs: [html('x')] }]);
      const frame = await frameOf('c');
      const seen = await frame.evaluate(() => {
        const before = document.cookie;
        for (const more of ['', '; Domain=localhost', '; Domain=.localhost', '; Domain=localhost; Path=/api']) {
          document.cookie = `session=evil${more}`;
          document.cookie = `__Host-session=evil; Secure; Path=/${more}`;
        }
        return before;
      });
      assert.equal(seen, '');
      await page.evaluate(() => fetch('/assets/none'));
      const last = server.log.findLast((entry) => entry.path === '/assets/none');
      assert.match(last.cookie, /session=secret/);
      assert.doesNotMatch(last.cookie, /evil/);
    });

    test('test_sec_24 no request of a frame carries the app’s cookies', async () => {
      await open();
      await show([{ id: 'c', outputs: [html('x')] }]);
      const frame = await frameOf('c');
      const from = server.log.length;
      const outcomes = await frame.evaluate(async (app) => {
        const fetched = await fetch(`${app}/assets/secret`, { credentials: 'include', mode: 'no-cors' }).then(
          () => 'sent',
          () => 'refused',
        );
        const image = await new Promise((resolve) => {
          const img = new Image();
          img.onload = () => resolve('sent');
          img.onerror = () => resolve('refused');
          img.src = `${app}/assets/image`;
        });
        navigator.sendBeacon?.(`${app}/assets/beacon`, 'x');
        return [fetched, image];
      }, server.url);
      await later(200);
      assert.equal(outcomes[0], 'refused');
      const sent = server.log.slice(from).filter((entry) => entry.host === 'localhost');
      assert.deepEqual(
        sent.filter((entry) => entry.cookie !== ''),
        [],
      );
    });

    test('test_sec_25 the top page cannot be navigated', async () => {
      await open();
      await show([{ id: 'c', outputs: [html('<a id="top" href="https://example.org/" target="_top">leave</a>')] }]);
      const frame = await frameOf('c');
      const url = page.url();
      await frame.evaluate(() => {
        for (const leave of [
          () => (top.location = 'https://example.org/'),
          () => top.location.replace('https://example.org/'),
          () => open('https://example.org/', '_top'),
          () => document.getElementById('top').click(),
        ]) {
          try {
            leave();
          } catch {
            // That is the point.
          }
        }
      });
      await (await frame.$('#top')).click();
      await later(300);
      assert.equal(page.url(), url);
    });

    test('test_sec_27 a replayed handshake or a sibling gets no port', async () => {
      await open();
      await show([
        { id: 'a', outputs: [html('a')] },
        { id: 'b', outputs: [html('b')] },
      ]);
      const [first, second] = [await frameOf('a'), await frameOf('b')];
      const ports = await first.evaluate(async () => {
        let got = 0;
        const count = (event) => (got += event.ports.length);
        addEventListener('message', count);
        for (let at = 0; at < parent.frames.length; at += 1) parent.frames[at].addEventListener?.('message', count);
        for (let n = 0; n < 20; n += 1) parent.postMessage('labora:frame-ready', '*');
        for (let n = 0; n < 20; n += 1) parent.postMessage({ t: 'height', px: 5_000 }, '*');
        await new Promise((resolve) => setTimeout(resolve, 300));
        return got;
      });
      assert.equal(ports, 0);
      assert.ok((await page.$eval('#a .lo-frame-slot', (slot) => slot.offsetHeight)) < 200);
      // A frame that forges the page's own message gets nobody to listen.
      await first.evaluate(() => {
        const channel = new MessageChannel();
        parent.frames[1].postMessage('labora:frame-connect', '*', [channel.port2]);
        channel.port1.postMessage({
          t: 'init',
          outputs: [{ id: 'x', output_type: 'stream', name: 'stdout', text: 'forged' }],
        });
      });
      await later(200);
      assert.doesNotMatch(await text(second), /forged/);
    });

    test('test_sec_28 junk is dropped, a flood is cut off, and the page stays quick', async () => {
      await open('hostile');
      await show([{ id: 'c', outputs: [html('x')] }]);
      const frame = await frameShown(page, '#c iframe.lo-frame', () => window.flood !== undefined);
      await until(
        'the bound of the height',
        async () => (await page.$eval('#c .lo-frame-slot', (slot) => slot.offsetHeight)) === 100_000,
      );
      await frame.evaluate(() => window.flood(300));
      // The page takes the frame away while it still floods.
      await frame.evaluate(() => window.flood(10_000)).catch(() => {});
      await page.waitForSelector('#c .lo-notice');
      assert.equal(await page.$('#c iframe'), null);
      assert.equal(await page.evaluate(() => ({}).t), undefined);
    });

    test('test_sec_31 a service worker cannot be registered from an output', async () => {
      await open();
      await show([{ id: 'c', outputs: [html('x')] }]);
      const frame = await frameOf('c');
      const outcomes = await frame.evaluate(async () => {
        const source = URL.createObjectURL(new Blob(['1'], { type: 'text/javascript' }));
        const tries = [source, '/frame.html', 'data:text/javascript,1'].map((url) =>
          (navigator.serviceWorker?.register(url) ?? Promise.reject(new Error('none'))).then(
            () => 'registered',
            () => 'refused',
          ),
        );
        return Promise.all(tries);
      });
      assert.deepEqual(outcomes, ['refused', 'refused', 'refused']);
    });

    test('the wheel over a frame scrolls the page, and Tab goes through it in order', async () => {
      await open();
      const field = (at) => ({ id: `c${at}`, outputs: [html(`<input id="field"><div style="height:500px"></div>`)] });
      await show([field(1), field(2), field(3)]);
      const frames = [await frameOf('c1'), await frameOf('c2')];
      // The page is as tall as what it holds only once the frames have told their heights.
      for (const cell of ['c1', 'c2'])
        await until('its height', () => page.$eval(`#${cell} .lo-frame-slot`, (slot) => slot.offsetHeight >= 500));
      const held = () => page.evaluate(() => document.activeElement?.closest('article')?.id);
      /** Where the focus is, in the page and in its frames: it goes from one to the other a moment after the key. */
      const focus = async () => {
        const where = () => [document.hasFocus(), [...document.querySelectorAll('*')].indexOf(document.activeElement)];
        return JSON.stringify(await Promise.all([page, ...frames].map((one) => one.evaluate(where))));
      };
      await (await frames[0].waitForSelector('#field')).click();
      await until('the focus in the first', async () => (await held()) === 'c1');
      if (name === 'chromium') {
        await page.mouse.move(400, 300);
        await page.mouse.wheel({ deltaY: 300 });
        await until('the scroll', () => page.evaluate(() => window.scrollY > 100));
      }
      for (let presses = 0; presses < 6 && (await held()) !== 'c2'; presses += 1) {
        const before = await focus();
        await page.keyboard.press('Tab');
        await until('the focus to go on', async () => (await focus()) !== before);
      }
      await until('the focus in the second', async () => (await held()) === 'c2');
    });

    test('test_sec_29 a frame reads the blobs of its own cell only', async () => {
      await open('hostile');
      await show([{ id: 'c', outputs: [display({ 'text/html': blob(10_005) })] }]);
      const frame = await frameShown(page, '#c iframe.lo-frame', () => window.port !== undefined);
      await frame.evaluate(() => {
        const ask = (n) => ({ sha256: n.toString(16).padStart(64, '0'), size: 1, media_type: 'text/html' });
        window.port.postMessage({ t: 'blob', request: 1, blob: ask(10_006) });
        window.port.postMessage({ t: 'blob', request: 2, blob: ask(10_005) });
      });
      await until('both answers', () =>
        frame.evaluate(() => window.answers.filter((message) => message.t === 'blob').length === 2),
      );
      const sizes = await frame.evaluate(() =>
        Object.fromEntries(
          window.answers
            .filter((message) => message.t === 'blob')
            .map((message) => [message.request, message.blob?.size ?? null]),
        ),
      );
      assert.equal(sizes[1], null);
      assert.ok(sizes[2] > 0);
    });

    for (const file of ['one', 'opaque'])
      test(`test_sec_29 saved outputs do not reach into own ones (${file})`, async () => {
        await open(file);
        const act = 'google.colab.kernel.invokeFunction';
        const cells = [
          { id: 'own1', own: true, outputs: [html('own')] },
          { id: 'own2', own: true, outputs: [html('own')] },
          { id: 'saved', outputs: [html('saved')] },
        ];
        await show(cells);
        for (const { id } of cells) await frameOf(id);
        /** What the frame of a cell finds of others, by `parent.frames`. */
        const reached = async (cell) =>
          (await frameOf(cell)).evaluate((path) => {
            const found = [];
            for (let at = 0; at < parent.frames.length; at += 1) {
              const other = parent.frames[at];
              if (other === self) continue;
              try {
                found.push(typeof path.split('.').reduce((value, name) => value[name], other));
              } catch (error) {
                found.push(error.name);
              }
            }
            return found.toSorted().join();
          }, act);
        assert.equal(await reached('saved'), 'SecurityError,SecurityError');
        // Own ones share their origin, as in Colab; opaque ones share nothing.
        const own = file === 'opaque' ? 'SecurityError,SecurityError' : 'SecurityError,function';
        assert.equal(await reached('own1'), own);
        // The kernel begins anew: what it showed is of the past.
        await (await frameOf('own2')).evaluate(() => (window.mark = 7));
        await show([cells[0], { ...cells[1], own: false }, cells[2]]);
        await until('another frame', async () => (await (await frameOf('own2')).evaluate(() => window.mark)) !== 7);
        if (file === 'one') assert.equal(await reached('saved'), 'SecurityError,function');
      });

    test('test_sec_32 storage is shared by the cells of a notebook and by nobody else', async () => {
      await open('one');
      await show([
        { id: 'a', outputs: [html('a')] },
        { id: 'b', outputs: [html('b')] },
      ]);
      await (await frameOf('a')).evaluate(() => localStorage.setItem('key', 'value'));
      assert.equal(await (await frameOf('b')).evaluate(() => localStorage.getItem('key')), 'value');
      await page.goto(`${server.url}/?file=two`);
      await page.waitForFunction(() => window.harness?.show);
      await show([{ id: 'a', outputs: [html('a')] }]);
      assert.equal(await (await frameOf('a')).evaluate(() => localStorage.getItem('key')), null);
    });

    test('test_sec_33 hostile data of every type never runs in the page', async () => {
      await open();
      const attack = '<img src=x onerror="parent.canary=1;canary=1"><script>canary=1;parent.canary=1</script>';
      const types = [
        'text/plain',
        'text/markdown',
        'text/latex',
        'text/html',
        'image/svg+xml',
        'image/png',
        'application/json',
        'application/vnd.x+json',
      ];
      const cells = types.map((type, at) => ({ id: `c${at}`, outputs: [display({ [type]: attack })] }));
      cells.push({
        id: 'last',
        markdown: attack,
        outputs: [
          stream(attack),
          { id: 'e', output_type: 'error', ename: attack, evalue: attack, traceback: [attack] },
          { id: 'n', output_type: attack },
        ],
      });
      await show(cells);
      await frameOf('c3').catch(() => null);
      await later(300);
      assert.equal(await page.evaluate(() => window.canary), undefined);
      assert.deepEqual(await page.evaluate(() => window.harness.violations), []);
    });

    test('mode C: the same outputs from an opaque origin', async () => {
      await open('opaque');
      await show([
        {
          id: 'c',
          outputs: [html('<p>opaque</p><script>var seen = self.origin</script>'), script('element.append(seen)')],
        },
      ]);
      const frame = await frameOf('c');
      await until('the script', async () => /opaque\s+null/.test(await text(frame)));
      assert.equal(
        await frame.evaluate(() => {
          try {
            return String(localStorage);
          } catch (error) {
            return error.name;
          }
        }),
        'SecurityError',
      );
      const flags = await page.$eval('#c iframe', (iframe) => iframe.getAttribute('sandbox'));
      assert.doesNotMatch(flags, /same-origin|top-navigation|modals/);
    });

    test('frames live near the viewport, at most 40 of them, and keep their height', async () => {
      await open();
      await page.evaluate(() => {
        window.most = 0;
        const count = () => (window.most = Math.max(window.most, document.querySelectorAll('iframe').length));
        new MutationObserver(count).observe(document.body, { subtree: true, childList: true });
      });
      // Before they are drawn, all of them are small, and more than 40 are near.
      await show(
        Array.from({ length: 120 }, (_none, at) => ({
          id: `c${at}`,
          outputs: [html(`<div style="height:240px">${at}</div>`)],
        })),
      );
      for (const at of [0, 30, 60, 90, 119]) {
        await page.$eval(`#c${at}`, (cell) => cell.scrollIntoView());
        await frameOf(`c${at}`);
        // Those above it become higher meanwhile and may push it away.
        await until('its height', () =>
          page.$eval(`#c${at}`, (cell) => {
            cell.scrollIntoView();
            return cell.querySelector('.lo-frame-slot').offsetHeight >= 240;
          }),
        );
      }
      assert.equal(await page.evaluate(() => window.most), 40);
      assert.ok((await page.$eval('#c0 .lo-frame-slot', (slot) => slot.offsetHeight)) >= 240);
      await page.$eval('#c0', (cell) => cell.scrollIntoView());
      await frameOf('c0');
    });

    test('a stream of a million lines shows its ends, and every line on request', async () => {
      await open();
      const parts = Array.from({ length: 800 }, (_none, at) => ({
        sha256: at.toString(16).padStart(64, '0'),
        size: 65_000,
        lines: 1_250,
      }));
      const output = stream('the end\n', { parts });
      await show([{ id: 'c', outputs: [output] }]);
      await until('the head', async () =>
        (await page.$eval('#c .lo-stream', (element) => element.innerText)).startsWith('line 0:'),
      );
      assert.match(await page.$eval('#c .lo-gap', (gap) => gap.innerText), /999,401 lines hidden/);
      await page.evaluate(() => [...document.querySelectorAll('#c .lo-gap button')].at(-1).click());
      await page.waitForSelector('#c .lo-window');
      await page.$eval('#c .lo-window', (box) => (box.scrollTop = box.scrollHeight));
      await until('the last line', async () =>
        /line 999999:[\s\S]*the end/.test(await page.$eval('#c .lo-window-rows', (rows) => rows.innerText)),
      );
      await page.$eval('#c .lo-window', (box) => (box.scrollTop = box.scrollHeight / 2));
      await until('the middle', async () =>
        /line (49|50)\d{4}:/.test(await page.$eval('#c .lo-window-rows', (rows) => rows.innerText)),
      );
      if (name === 'chromium') assert.ok((await page.metrics()).JSHeapUsedSize < 100e6);
    });
  });
}
