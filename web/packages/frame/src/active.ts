/** Renderers of active content: HTML, SVG and JavaScript. They exist in frames only. */
import {
  readText,
  say,
  type DisplayOutput,
  type ValueView,
  type ValueViewFactory,
  type ViewEnv,
} from '@labora/outputs/core';
import { enqueue, runProgram, runScripts, tameDocumentWrite } from './scripts';

abstract class ActiveView implements ValueView {
  readonly el = document.createElement('div');
  private value: unknown;

  constructor(protected readonly env: ViewEnv) {}

  update(value: unknown, output: DisplayOutput): void {
    if (value === this.value) return;
    this.value = value;
    // Reading starts at once; showing and running wait for the outputs before this one.
    const reading = readText(value, this.env).catch(() => null);
    void enqueue(async () => {
      const text = await reading;
      if (this.value !== value || !this.el.isConnected) return;
      if (text === null) this.el.replaceChildren(say('loadFailed'));
      else await this.show(text, output);
    });
  }

  protected abstract show(text: string, output: DisplayOutput): Promise<void>;

  text(): Promise<string> {
    return Promise.resolve(this.el.innerText);
  }

  dispose(): void {
    this.value = undefined;
  }
}

class HtmlView extends ActiveView {
  protected override async show(text: string, output: DisplayOutput): Promise<void> {
    this.el.className = 'html-output';
    const isolated = (output.metadata?.['text/html'] as { isolated?: unknown } | undefined)?.isolated === true;
    if (isolated) return this.showIsolated(text);
    this.el.innerHTML = text;
    for (const table of this.el.querySelectorAll('table.dataframe')) dressTable(table);
    await runScripts(this.el);
  }

  /** `isolated` asks for a document of its own. */
  private async showIsolated(text: string): Promise<void> {
    const frame = document.createElement('iframe');
    frame.srcdoc = text;
    frame.className = 'isolated';
    this.el.replaceChildren(frame);
  }
}

/** pandas' tables scroll sideways in a box of their own, and are announced as what they are. */
function dressTable(table: Element): void {
  table.removeAttribute('border');
  if (table.parentElement?.classList.contains('table-box') === true) return;
  const box = document.createElement('div');
  box.className = 'table-box';
  box.tabIndex = 0;
  box.setAttribute('role', 'region');
  box.setAttribute('aria-label', 'Table');
  table.replaceWith(box);
  box.append(table);
}

class SvgView extends ActiveView {
  protected override async show(text: string): Promise<void> {
    this.el.className = 'svg-output';
    this.el.innerHTML = text;
    const svg = this.el.querySelector('svg');
    if (svg !== null && !svg.hasAttribute('role')) svg.setAttribute('role', 'img');
    await runScripts(this.el);
  }
}

class ScriptView extends ActiveView {
  protected override async show(text: string): Promise<void> {
    this.el.className = 'script-output';
    this.el.replaceChildren();
    runProgram(text, this.el);
  }
}

export function activeViews(): Readonly<Record<string, ValueViewFactory>> {
  tameDocumentWrite();
  const script: ValueViewFactory = (env) => new ScriptView(env);
  return {
    'text/html': (env) => new HtmlView(env),
    'image/svg+xml': (env) => new SvgView(env),
    'application/javascript': script,
    'text/javascript': script,
  };
}
