// The frame of a journey: one server, one browser, people in contexts of their own, and named steps. A step fails also
// when a page reported an error or a violation of its content policy meanwhile.
import assert from 'node:assert/strict';
import { launch, newPerson, shot } from './browser.mjs';
import { NotebookPage } from './notebook.mjs';
import { Api, Server } from './server.mjs';
import { press, role } from './ui.mjs';

/** What browsers report by themselves while a server is away. */
export const AWAY = [
  /WebSocket|ERR_CONNECTION_REFUSED|ERR_INTERNET_DISCONNECTED|NetworkError|Firefox can.t establish|was interrupted/,
  /error occurred when fetching the script/, // of the service worker
];
/** Taken by scripts/soak: each costs a second, and nothing in a journey depends on them. */
export const PICTURES = Boolean(process.env.LABORA_TEST_PICTURES);
export const OWNER = { name: 'Olga Owner', login: 'olga', password: 'a long enough password' };

/** Runs one journey in the browser that the command line names ("chromium" or "firefox") and ends the process. */
export async function journey(name, work, { env = {}, prepare = true, browser = {}, port = 0, api = null } = {}) {
  const browserName = process.argv[2] ?? 'chromium';
  const run = new Journey(name, browserName);
  let failed = false;
  const stop = async () => {
    await run.close();
    process.exit(143);
  };
  process.once('SIGTERM', stop);
  try {
    await run.start({ env, prepare, browser, port, api });
    await work(run);
  } catch (error) {
    failed = true;
    await run.explain(error);
  }
  await run.close();
  process.exit(failed ? 1 : 0);
}

class Journey {
  constructor(name, browserName) {
    this.name = name;
    this.browserName = browserName;
    this.people = [];
    this.problems = [];
    this.expected = [];
    this.current = 'start';
    this.started = Date.now();
  }

  async start({ env, prepare, browser, port, api }) {
    this.server = new Server({ env: { LABORA_LOG__LEVEL: 'warning', ...env }, port });
    [this.browser] = await Promise.all([launch(this.browserName, browser), this.server.start()]);
    this.api = new Api(api ?? this.server.url);
    if (prepare) {
      const token = new URL(this.server.setupLink).hash.slice(1);
      this.owner = await this.api.call('POST', '/setup', { token, ...OWNER });
    }
    this.#say(`${this.name} in ${this.browserName}: ready (${((Date.now() - this.started) / 1000).toFixed(1)} s)`);
  }

  get isFirefox() {
    return this.browserName === 'firefox';
  }

  /** One thing a person does and sees. */
  async step(title, work) {
    this.current = title;
    const from = Date.now();
    const result = await work();
    const bad = this.problems.filter((problem) => !this.expected.some((pattern) => pattern.test(problem)));
    assert.deepEqual(bad, [], `problems in the page during "${title}"`);
    this.problems.length = 0;
    this.#say(`  ✓ ${title} (${((Date.now() - from) / 1000).toFixed(1)} s)`);
    return result;
  }

  /** Problems that belong to the journey, such as refused connections while its server is down. */
  expectProblems(...patterns) {
    this.expected.push(...patterns);
  }

  /** A page of a person who is not signed in. */
  async stranger() {
    const page = await newPerson(this.browser, this.problems);
    await page.evaluateOnNewDocument(() => {
      if (window !== window.top) return;
      addEventListener('securitypolicyviolation', (event) =>
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`),
      );
    });
    this.people.push(page);
    return page;
  }

  /** A page of somebody who is signed in, at a context (machine) of its own. */
  async signedIn({ login, password } = OWNER, path = '/') {
    const page = await this.stranger();
    const { hostname, protocol } = new URL(this.server.url);
    // A cookie for a name that is not its own is the browser's to refuse: there the form says who it is.
    if (protocol === 'https:') return this.signIn(page, { login, password }, path);
    const api = new Api(this.server.url);
    await api.call('POST', '/login', { login, password });
    const [name, value] = api.cookie.split('=');
    const cookie = { name, value, domain: hostname, path: '/', httpOnly: true, sameSite: 'Lax' };
    await page.browserContext().setCookie(cookie);
    await page.goto(this.server.url + path);
    return page;
  }

  /** Signs in through the form, on the way to a page. */
  async signIn(page, { login, password } = OWNER, path = '/') {
    await page.goto(`${this.server.url}/login?next=${encodeURIComponent(path)}`);
    await page.waitForSelector('input[name=login]');
    await page.type('input[name=login]', login);
    await page.type('input[name=password]', password);
    await press(page, 'Enter');
    await page.waitForFunction((there) => location.pathname === there, {}, path);
    return page;
  }

  /** Makes a notebook of these cells (strings are code) and returns its file. */
  async notebook(cells, name = 'Journey.ipynb', metadata = {}) {
    const made = cells.map((cell, at) => ({
      id: `cell-${at}`,
      metadata: {},
      ...(typeof cell === 'string' ? { cell_type: 'code', source: cell } : cell),
    }));
    for (const cell of made) if (cell.cell_type === 'code') Object.assign(cell, { outputs: [], execution_count: null });
    return this.upload({ cells: made, metadata, nbformat: 4, nbformat_minor: 5 }, name);
  }

  upload(notebook, name) {
    const query = new URLSearchParams({ parent: 'root', name });
    return this.api.call('POST', `/files/upload?${query}`, JSON.stringify(notebook));
  }

  /** A notebook's page of somebody who signs in now, or in a page at hand. */
  async open(file, { page = null, account = OWNER } = {}) {
    const path = `/drive/${file.id}`;
    if (page === null) page = await this.signedIn(account, path);
    else await page.goto(this.server.url + path);
    const notebook = new NotebookPage(page);
    await notebook.ready();
    return notebook;
  }

  /** Makes an account by an invitation, without a browser. */
  async colleague(name, login) {
    const { url } = await this.api.call('POST', '/invitations', { label: name });
    const account = { name, login, password: `the password of ${login}` };
    const api = new Api(this.server.url);
    const made = await api.call('POST', '/invitation/accept', account, {
      'X-Labora-Link': new URL(url).hash.slice(1),
    });
    return { ...account, id: made.id, api };
  }

  /** Keeps a picture for a person to look at, when pictures are asked for (LABORA_TEST_PICTURES). */
  async shot(page, title) {
    if (PICTURES) await shot(page, `${this.name}-${title}-${this.browserName}`);
  }

  async explain(error) {
    console.error(`✗ ${this.name} in ${this.browserName}, at "${this.current}": ${error.stack ?? error}`);
    if (error.expected !== undefined) console.error('expected', error.expected, 'actual', error.actual);
    for (const problem of this.problems) console.error(`  problem: ${problem}`);
    for (const [at, page] of this.people.entries()) {
      if (page.isClosed()) continue;
      const seen = page.evaluate(() => document.body.innerText).then((text) => text.slice(0, 2_000));
      const limit = new Promise((resolve) => setTimeout(resolve, 5_000, '(no answer)'));
      console.error(`  page ${at} ${page.url()}:\n${await Promise.race([seen.catch(String), limit])}`);
      await Promise.race([shot(page, `failed-${this.name}-${this.browserName}-${at}`).catch(() => {}), limit]);
    }
    console.error(`  the server's log ends with:\n${(this.server?.log ?? '').slice(-4_000)}`);
  }

  async close() {
    const limit = new Promise((resolve) => setTimeout(resolve, 10_000));
    const child = this.browser?.process();
    await Promise.race([Promise.resolve(this.browser?.close()).catch(() => {}), limit]);
    child?.kill('SIGKILL');
    await this.server?.close();
    this.#say(`${this.name} in ${this.browserName}: ${((Date.now() - this.started) / 1000).toFixed(1)} s in all`);
  }

  #say(line) {
    console.log(line);
  }
}

export { role };
