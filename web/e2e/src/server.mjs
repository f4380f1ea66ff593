// A real Labora server in a folder of its own, that a journey may kill and start again.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const LABORA = process.env.LABORA_BIN ?? path.join(ROOT, '.venv/bin/labora');

export class Server {
  constructor({ env = {}, port = 0 } = {}) {
    this.dataDir = mkdtempSync(path.join(tmpdir(), 'labora-e2e-'));
    this.env = {
      ...process.env,
      LABORA_STORAGE__IMAGES_DIR: process.env.LABORA_TEST_IMAGES ?? path.join(ROOT, '.cache/images'),
      // No machines that stand ready: two cores have other work while browsers are driven.
      LABORA_RUNTIMES__WARM: '0',
      ...env,
    };
    this.port = port;
    this.setupLink = null;
    this.log = '';
  }

  /** Starts the server and resolves once it answers; the port of the first start is kept. */
  async start(extra = {}) {
    this.process = spawn(LABORA, ['serve', '--port', String(this.port), '--data-dir', this.dataDir], {
      env: { ...this.env, ...extra },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exited = new Promise((resolve) => this.process.once('exit', (code, signal) => resolve({ code, signal })));
    let out = '';
    await new Promise((resolve, reject) => {
      const ended = ({ code, signal }) =>
        reject(new Error(`the server ended (${code ?? signal}) before it was up:\n${this.log}`));
      this.exited.then(ended);
      this.process.stderr.on('data', (chunk) => (this.log += chunk));
      this.process.stdout.on('data', (chunk) => {
        out += chunk;
        this.log += chunk;
        const link = out.match(/(http\S+\/setup#\S+)/);
        if (link) this.setupLink = link[1];
        const up = out.match(/running at (http\S+)/);
        if (up && out.includes('Ctrl+C')) {
          this.url = up[1];
          this.port = Number(new URL(this.url).port);
          resolve();
        }
      });
    });
    return this;
  }

  /** Ends the control plane with a signal and waits for its end; runtimes and host live on. */
  async kill(signal = 'SIGKILL') {
    this.process.kill(signal);
    return await this.exited;
  }

  /** Ends everything and removes the folder. */
  async close() {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.kill('SIGTERM');
    const stop = spawn(LABORA, ['stop', '--data-dir', this.dataDir], { env: this.env, stdio: 'ignore' });
    await new Promise((resolve) => stop.once('exit', resolve));
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}

/** Calls the REST API with a cookie jar of its own, as a script of the same person would. */
export class Api {
  constructor(url) {
    this.url = url;
    this.cookie = '';
  }

  async call(method, route, body, headers = {}) {
    const raw = body instanceof Uint8Array || typeof body === 'string';
    const answer = await fetch(`${this.url}/api/v1${route}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'Content-Type': raw ? 'application/octet-stream' : 'application/json' }),
        ...(this.cookie ? { Cookie: this.cookie } : {}),
        'X-Labora': '1',
        Origin: this.url,
        ...headers,
      },
      body: body === undefined ? undefined : raw ? body : JSON.stringify(body),
    });
    for (const line of answer.headers.getSetCookie()) this.cookie = line.split(';')[0];
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${route}: ${answer.status} ${text.slice(0, 500)}`);
    try {
      return text ? JSON.parse(text) : null;
    } catch {
      return text;
    }
  }
}
