// The app's and the content hosts' side of outputs, as small as they can be: one port, routed by Host, with the real
// headers. It writes down every request, so that a test can ask what a frame got through to.
import { createServer } from 'node:http';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const at = (name) => fileURLToPath(new URL(name, import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.woff2': 'font/woff2' };
const FLAGS =
  'allow-scripts allow-same-origin allow-forms allow-downloads allow-pointer-lock allow-popups allow-popups-to-escape-sandbox';
const PART_LINES = 1_250;

// A page that takes the handshake's port and misuses it.
const HOSTILE = `<!doctype html><script>
addEventListener('message', (event) => {
  const port = event.ports[0];
  window.port = port;
  const junk = [null, 1, [], {t:'height'}, {t:'height',px:-1}, {t:'height',px:1e308}, {t:'key',key:'a'},
    JSON.parse('{"__proto__":{"t":"height"}}'), {t:'blob',request:1,blob:{sha256:'../me',size:1,media_type:'x'}}, 'x'.repeat(1e5)];
  window.flood = (n) => { for (let i = 0; i < n; i++) port.postMessage(junk[i % junk.length]); };
  window.answers = [];
  port.onmessage = (message) => window.answers.push(message.data);
  port.postMessage({t:'height',px:1e7});
});
parent.postMessage('labora:frame-ready', '*');
</script>hostile`;

export async function serve() {
  const folder = await mkdtemp(path.join(tmpdir(), 'labora-outputs-'));
  const quiet = { logLevel: 'error' };
  await build({
    ...quiet,
    configFile: at('vite.config.mjs'),
    build: { outDir: path.join(folder, 'app'), emptyOutDir: true },
  });
  await build({
    ...quiet,
    configFile: at('../../packages/frame/vite.config.ts'),
    build: { outDir: path.join(folder, 'frame') },
  });
  const log = [];
  const server = createServer((request, response) => {
    answer(request, response, folder, log).catch((error) => {
      response.writeHead(500);
      response.end(String(error));
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = server.address().port;
  return {
    url: `http://localhost:${port}`,
    log,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
}

async function answer(request, response, folder, log) {
  const { host = '' } = request.headers;
  const [name, port] = host.split(':');
  const { pathname, search } = new URL(request.url, `http://${host}`);
  log.push({ host: name, path: pathname, cookie: request.headers.cookie ?? '', method: request.method });
  if (name === 'localhost') return answerApp(response, folder, port, pathname + search);
  const headers = {
    'X-Content-Type-Options': 'nosniff',
    'Cross-Origin-Resource-Policy': 'cross-origin',
    'Referrer-Policy': 'no-referrer',
  };
  if (pathname === '/frame.html') {
    headers['Content-Security-Policy'] = framePolicy(
      FLAGS,
      "'self'",
      `http://*.localhost:${port} ws://*.localhost:${port}`,
      port,
    );
    headers['Origin-Agent-Cluster'] = '?1';
    if (name.startsWith('hostile')) return send(response, HOSTILE, '.html', headers);
    return send(response, await readFile(path.join(folder, 'frame/frame.html')), '.html', headers);
  }
  return sendAsset(response, folder, pathname, headers);
}

function framePolicy(flags, own, near, port) {
  return `sandbox ${flags}; default-src ${own} https: data: blob: ${near} 'unsafe-inline' 'unsafe-eval'; connect-src ${own} https: wss: data: blob: ${near}; object-src 'none'; base-uri 'none'; frame-ancestors http://localhost:${port}; form-action https:`;
}

async function answerApp(response, folder, port, address) {
  const [pathname, search] = address.split('?');
  const origin = (file) => `http://f-${file}.localhost:${port}`;
  const file = /^\/api\/v1\/files\/([\w-]+)\/(\S+)/.exec(pathname);
  if (pathname === '/') {
    const policy = `default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob: https:; font-src 'self'; connect-src 'self'; worker-src 'self'; frame-src 'self' http://*.localhost:${port}; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types app sanitizer`;
    return send(response, await readFile(path.join(folder, 'app/page.html')), '.html', {
      'Content-Security-Policy': policy,
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Set-Cookie': ['session=secret; HttpOnly; SameSite=Lax; Path=/', 'plain=1; Path=/'],
    });
  }
  if (file?.[2] === 'frame-origin') {
    const [, id] = file;
    const fallback = '/out.html';
    const opaque = { mode: 'C', origin: 'null', url: fallback, fallback };
    const label = search === 'own=true' ? `${id}-own` : id;
    const own = id === 'hostile' ? `http://hostile.localhost:${port}` : origin(label);
    const found = id === 'opaque' ? opaque : { mode: 'B', origin: own, url: `${own}/frame.html`, fallback };
    return send(response, JSON.stringify(found), '.json');
  }
  if (file?.[2].startsWith('blobs/')) return sendBlob(response, Number.parseInt(file[2].slice(6), 16));
  if (pathname === '/out.html') {
    const own = `http://localhost:${port}/frame/`;
    const flags = FLAGS.replace('allow-same-origin ', '');
    const headers = { 'Content-Security-Policy': framePolicy(flags, own, '', port) };
    return send(response, await readFile(path.join(folder, 'frame/frame.html')), '.html', headers);
  }
  return sendAsset(response, folder, pathname, { 'Cross-Origin-Resource-Policy': 'cross-origin' });
}

/** Blob n is part n of a long log; from 10,000 on it is an HTML table. */
function sendBlob(response, n) {
  if (n >= 10_000) return send(response, `<b id="from-blob">${n}</b>`, '.html');
  const lines = Array.from(
    { length: PART_LINES },
    (_none, at) => `line ${n * PART_LINES + at}: the quick brown fox jumps over it\n`,
  );
  return send(response, lines.join(''), '.txt');
}

async function sendAsset(response, folder, pathname, headers) {
  const match = /^\/(frame|assets)\/([\w.-]+)$/.exec(pathname);
  if (match === null) {
    response.writeHead(404);
    return response.end();
  }
  const from = match[1] === 'frame' ? 'frame/frame' : 'app/assets';
  const body = await readFile(path.join(folder, from, match[2]));
  return send(response, body, path.extname(match[2]), { ...headers, 'Access-Control-Allow-Origin': '*' });
}

function send(response, body, extension, headers = {}) {
  response.writeHead(200, {
    'Content-Type': TYPES[extension] ?? 'text/plain',
    'Cache-Control': 'no-store',
    ...headers,
  });
  response.end(body);
}
