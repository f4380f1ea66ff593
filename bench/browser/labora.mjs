// Labora's own pages.
import { Api } from '../../web/e2e/src/server.mjs';

/** Runs in the page: finds cells by the ids that the harness gave them. */
const PROBE = () => {
  const cell = (n) => document.querySelector(`section[data-cell="cell-${n}"]`);
  const result = (n) => cell(n)?.querySelector('.lo-result') ?? null;
  window.__bench = {
    result,
    editor: (n) => cell(n)?.querySelector('.cm-content, .nb-source') ?? null,
    focused: (n) => document.activeElement?.matches('.cm-content') && cell(n)?.contains(document.activeElement),
    value: (n) => result(n)?.textContent.trim() ?? null,
    started: () => true,
  };
};

export class LaboraPages {
  losesRuns = false;
  probe = PROBE;

  constructor(page, { url, login, path }) {
    Object.assign(this, { page, url, login, path });
  }

  async fillSignIn() {
    await this.page.goto(`${this.url}/login?next=${encodeURIComponent(this.path)}`);
    await this.page.waitForSelector('input[name=login]');
    await this.page.type('input[name=login]', this.login.user);
    await this.page.type('input[name=password]', this.login.password);
  }

  submitSignIn() {
    return this.page.keyboard.press('Enter');
  }

  /** Brings the cookie of a sign-in, so that the page's files are still to be fetched. */
  async enter() {
    const api = new Api(this.url);
    await api.call('POST', '/login', { login: this.login.user, password: this.login.password });
    const [name, value] = api.cookie.split('=');
    await this.page.browserContext().setCookie({ name, value, domain: new URL(this.url).hostname, path: '/' });
  }

  /** Everything is saved by itself. */
  async save() {}
}
