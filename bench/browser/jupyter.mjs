// JupyterLab's pages, also as JupyterHub and jupyverse show them.

/** Runs in the page: finds the cells of the notebook that is shown. */
const PROBE = () => {
  const cell = (n) => document.querySelectorAll('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell')[n];
  const result = (n) => cell(n)?.querySelector('.jp-OutputArea-executeResult') ?? null;
  window.__bench = {
    result,
    editor(n) {
      const element = cell(n)?.querySelector('.cm-content');
      return element && element.getBoundingClientRect().height > 0 ? element : null;
    },
    focused: (n) => cell(n)?.querySelector('.cm-content') === document.activeElement,
    value: (n) => result(n)?.querySelector('.jp-OutputArea-output')?.textContent.trim() ?? null,
    started: (n) => /\[(\*|\d+)\]/.test(cell(n)?.querySelector('.jp-InputPrompt')?.textContent ?? ''),
  };
};

export class JupyterPages {
  /** A run that is pressed before the kernel is connected may be dropped without a word. */
  losesRuns = true;
  probe = PROBE;

  constructor(page, { url, login, path }) {
    Object.assign(this, { page, url, login, path });
  }

  /** Fills the form of JupyterHub, which then starts the server and goes on to the notebook. */
  async fillSignIn() {
    const spawn = `/hub/spawn?next=${encodeURIComponent(this.path)}`;
    await this.page.goto(`${this.url}/hub/login?next=${encodeURIComponent(spawn)}`);
    await this.page.type('#username_input', this.login.user);
    await this.page.type('#password_input', this.login.password);
  }

  submitSignIn() {
    return this.page.keyboard.press('Enter');
  }

  /** Signs in without opening a notebook, so that the page's files are still to be fetched. */
  async enter() {
    if (!this.login) return;
    await this.page.goto(`${this.url}/hub/login?next=${encodeURIComponent('/hub/home')}`);
    await this.page.type('#username_input', this.login.user);
    await this.page.type('#password_input', this.login.password);
    await Promise.all([this.page.waitForNavigation(), this.page.keyboard.press('Enter')]);
  }

  async save() {
    await this.page.keyboard.down('Control');
    await this.page.keyboard.press('s');
    await this.page.keyboard.up('Control');
  }
}
