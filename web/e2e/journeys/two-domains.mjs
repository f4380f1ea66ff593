// A server with TLS on a public name, and a second domain for outputs (mode A): frames come from there and know nothing.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { until } from '../src/browser.mjs';
import { journey } from '../src/journey.mjs';

const APP = 'labora.test';
const CONTENT = 'outputs.test';
const FRAMED = `from IPython.display import HTML
HTML('''<p id="said">waiting</p><script>
localStorage.setItem('mine', 'kept');
document.getElementById('said').textContent = [location.hostname, document.cookie || 'no cookie', localStorage.getItem('mine')].join(' | ');
</script>''')`;

const PORT_APP = `import subprocess, sys
subprocess.Popen([sys.executable, '-m', 'http.server', '8123', '-b', '127.0.0.1', '-d', '/tmp'], stderr=subprocess.DEVNULL)
from IPython.display import HTML
HTML('''<iframe id="app" title="Files"></iframe><script>
google.colab.kernel.proxyPort(8123).then((url) => { document.getElementById('app').src = url; });</script>''')`;

const free = await new Promise((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});
const folder = mkdtempSync(path.join(tmpdir(), 'labora-tls-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const [key, certificate] = ['key.pem', 'certificate.pem'].map((name) => path.join(folder, name));
const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${APP}`];
const names = `subjectAltName=DNS:${APP},DNS:*.${CONTENT},DNS:localhost`;
execFileSync('openssl', [...request, '-addext', names, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
// The certificate is the journey's own: nobody has signed it.
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
process.removeAllListeners('warning');

await journey(
  'two-domains',
  async (t) => {
    const file = await t.notebook([FRAMED, PORT_APP]);
    const notebook = await t.open(file);

    await t.step('the app is at its public name, signed in by a cookie of that name alone', async () => {
      assert.equal(new URL(notebook.page.url()).hostname, APP);
      const cookies = await notebook.page.browserContext().cookies();
      assert.deepEqual([...new Set(cookies.map((cookie) => cookie.domain))], [APP]);
      assert.ok(cookies.every((cookie) => cookie.secure));
    });

    await t.step(
      'an active output renders in a frame of the second domain, with storage and without a cookie',
      async () => {
        await notebook.run('cell-0');
        const frame = await notebook.frame('cell-0');
        const said = await until('the output', async () => {
          const text = await frame.evaluate(() => document.getElementById('said')?.textContent);
          return text && text !== 'waiting' ? text : null;
        });
        const [host, cookie, kept] = said.split(' | ');
        assert.ok(host.endsWith(`.${CONTENT}`), host);
        assert.equal(cookie, 'no cookie');
        assert.equal(kept, 'kept');
      },
    );

    await t.step('a web app of the runtime is let into a frame there by a cookie of its own', async () => {
      // The page that waits for the program, and asks whether it is there, is told by the browser.
      t.expectProblems(/status of 503/);
      await notebook.run('cell-1');
      const frame = await notebook.frame('cell-1');
      await until('the listing of a folder', async () => {
        const inner = await (await frame.$('#app'))?.contentFrame();
        if (!new URL(inner.url()).hostname.match(/^p-.*\.outputs\.test$/)) return null;
        return (await inner.evaluate(() => document.title)).startsWith('Directory listing');
      });
    });
  },
  {
    port: free,
    api: `https://localhost:${free}`,
    env: {
      LABORA_SERVER__PUBLIC_URL: `https://${APP}:${free}`,
      LABORA_SERVER__CONTENT_DOMAIN: CONTENT,
      LABORA_SERVER__TLS_CERT: certificate,
      LABORA_SERVER__TLS_KEY: key,
    },
    browser: {
      acceptInsecureCerts: true,
      args: ['--test-third-party-cookie-phaseout', '--host-resolver-rules=MAP *.test 127.0.0.1'],
      prefs: { 'network.dns.forceResolve': '127.0.0.1' },
    },
  },
);
