// A web app of a runtime: its link waits for it, an output shows it, a tab opens it, and it ends with its runtime.
import assert from 'node:assert/strict';
import { until } from '../src/browser.mjs';
import { journey } from '../src/journey.mjs';
import { looksRight } from '../src/looks.mjs';

const PORT = 8765;
const APP = `import tornado.ioloop, tornado.web, tornado.websocket, tornado.iostream
PAGE = """<!doctype html><title>The web app</title><p id=said>waiting</p><script src="look.js"></script>"""
LOOK = """
const found = {};
const done = () => { if (Object.keys(found).length === 4) document.getElementById('said').textContent = JSON.stringify(found); };
fetch('/count').then(() => fetch('count')).then((answer) => answer.text()).then((text) => { found.cookie = text; done(); });
const events = new EventSource('/events');
events.onmessage = (event) => { found.event = event.data; events.close(); done(); };
const socket = new WebSocket(new URL('socket', location.href.replace(/^http/, 'ws')), ['labora']);
socket.onopen = () => socket.send('ping');
socket.onmessage = (event) => { found.socket = event.data; socket.close(4000); done(); };
fetch('/moved').then((answer) => { found.moved = new URL(answer.url).pathname; done(); });
"""
class Page(tornado.web.RequestHandler):
    def get(self): self.write(PAGE)
class Look(tornado.web.RequestHandler):
    def get(self): self.set_header("Content-Type", "text/javascript"); self.write(LOOK)
class Count(tornado.web.RequestHandler):
    def get(self):
        n = int(self.get_cookie("n", "0")) + 1
        self.set_cookie("n", str(n), httponly=True); self.write(str(n))
class Moved(tornado.web.RequestHandler):
    def get(self): self.redirect("http://%s/arrived" % self.request.host)
class Events(tornado.web.RequestHandler):
    async def get(self):
        self.set_header("Content-Type", "text/event-stream")
        self.write("data: streamed\\n\\n"); await self.flush()
        await __import__("asyncio").sleep(3600)
class Api(tornado.web.RequestHandler):
    def _say(self):
        self.set_header("Access-Control-Allow-Origin", self.request.headers.get("Origin", "none"))
        self.set_header("Access-Control-Allow-Credentials", "true")
        self.write("asked by " + self.request.method)
    get = post = _say
class Socket(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin): return True
    def select_subprotocol(self, offered): return offered[0]
    def on_message(self, message): self.write_message(message.upper() + " " + self.selected_subprotocol)
tornado.web.Application([("/", Page), ("/look.js", Look), ("/count", Count), ("/moved", Moved), ("/arrived", Page), ("/api", Api), ("/events", Events), ("/socket", Socket)]).listen(${PORT}, "127.0.0.1")
tornado.ioloop.IOLoop.current().start()
`;
const START = `import subprocess, sys
open('/content/app.py', 'w').write(${JSON.stringify(APP)})
server = subprocess.Popen([sys.executable, '/content/app.py'], stderr=subprocess.DEVNULL)`;
const SHOW = `from IPython.display import HTML
HTML('''<p id="url"></p><p id="own"></p><iframe id="app" title="The app" width="100%" height="120"></iframe><script>
google.colab.kernel.proxyPort(${PORT}).then((url) => {
  document.getElementById('url').textContent = url;
  document.getElementById('app').src = url;
  const found = {};
  const tell = (k) => (v) => { found[k] = String(v); document.getElementById('own').textContent = JSON.stringify(found); };
  for (const method of ['GET', 'POST']) fetch(url + 'api', { method, credentials: 'include' }).then((a) => a.text()).then(tell(method), tell(method));
  const socket = new WebSocket(url.replace(/^http/, 'ws') + 'socket', ['labora']);
  socket.onopen = () => socket.send('own'); socket.onmessage = (e) => tell('socket')(e.data); socket.onerror = () => tell('socket')('failed');
});</script>''')`;

await journey(
  'ports',
  async (t) => {
    const file = await t.notebook(['print("ready")', START, SHOW], 'Web app.ipynb');
    const notebook = await t.open(file);
    await notebook.run('cell-0');
    const { runtimes } = await t.api.call('GET', '/runtimes');
    const there = `${t.server.url}/port/${runtimes[0].id}/${PORT}`;
    const tab = await notebook.page.browserContext().newPage();
    // While nothing listens, the page that waits asks for it.
    t.expectProblems(/status of 50[23]|503/);
    const works = (where) =>
      until('the web app to work', async () => {
        const text = await where.evaluate(() => document.getElementById('said')?.textContent);
        return text?.startsWith('{') ? JSON.parse(text) : Promise.reject(new Error(text));
      });
    const expected = { cookie: '2', event: 'streamed', socket: 'PING labora', moved: '/arrived' };

    await t.step('a link that comes too early waits, and shows the app once it listens', async () => {
      await tab.goto(there);
      await until('the page that waits', async () =>
        (await tab.evaluate(() => document.body.innerText)).includes(`Nothing listens on port ${PORT} yet`),
      );
      await t.shot(tab, 'waiting');
      await notebook.page.bringToFront();
      await notebook.run('cell-1');
      assert.deepEqual(await works(tab), expected);
      assert.match(new URL(tab.url()).hostname, /^p-.*\.localhost$/);
      assert.equal(new URL(tab.url()).search, '', 'no ticket stays in the address');
    });

    const link = await t.step('an output shows the app by its port, with storage, streams and sockets', async () => {
      await notebook.run('cell-2');
      const frame = await notebook.frame('cell-2');
      const inner = await until('the frame of the app', async () => {
        const handle = await frame.$('#app');
        const found = await handle?.contentFrame();
        return found?.url().includes('//p-') ? found : null;
      });
      assert.deepEqual(await works(inner), expected);
      const own = await until('what the output asked', async () => {
        const text = await frame.evaluate(() => document.getElementById('own').textContent);
        const found = JSON.parse(text || '{}');
        return Object.keys(found).length === 3 ? found : null;
      });
      assert.deepEqual(own, { GET: 'asked by GET', POST: 'asked by POST', socket: 'OWN labora' });
      await t.shot(notebook.page, 'framed');
      return frame.evaluate(() => document.getElementById('url').textContent);
    });

    await t.step('its link opens in a tab whenever it is clicked, for its account alone', async () => {
      assert.match(link, /^http:\/\/p-[a-z0-9-]+\.localhost:\d+\/$/);
      const other = await notebook.page.browserContext().newPage();
      await other.goto(link);
      assert.equal((await works(other)).socket, expected.socket);
      await other.close();
      const stranger = await t.stranger();
      await stranger.goto(link);
      await stranger.waitForSelector('input[name=login]');
      assert.equal(new URL(stranger.url()).pathname, '/login');
      t.expectProblems(/status of 401/);
    });

    await t.step('the sessions list it, with the way to it', async () => {
      const { page } = notebook;
      await page.bringToFront();
      await page.goto(`${t.server.url}/runtimes`);
      const found = await page.waitForSelector('.runtime-port');
      assert.equal(await found.evaluate((one) => one.href), there);
      assert.match(await found.evaluate((one) => one.innerText), /Port 8765\s+python/);
      await looksRight(t, page, 'listed');
    });

    await t.step('it ends with its runtime, and says so', async () => {
      await t.api.call('DELETE', `/runtimes/${runtimes[0].id}`);
      await tab.bringToFront();
      t.expectProblems(/410/);
      await tab.reload();
      await until('the end', async () =>
        (await tab.evaluate(() => document.body.innerText)).includes('The web app has ended'),
      );
      await tab.goto(there);
      await until('the end, told by the app', async () =>
        (await tab.evaluate(() => document.body.innerText)).includes('The web app has ended'),
      );
    });
  },
  { browser: { args: ['--test-third-party-cookie-phaseout'] } },
);
