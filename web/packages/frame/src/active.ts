/** Renderers of active content: HTML, SVG and JavaScript. They exist in frames only. */
import { type DisplayOutput, say, type ValueViewFactory } from '@labora/outputs/core';
import { isAllowed, local } from './libraries';
import { runtimeLibraries } from './libraries/runtime';
import { rendererOf } from './renderers';
import { runProgram, runScripts } from './scripts';
import { ActiveView } from './views/active-view';

class HtmlView extends ActiveView {
  protected override async show(text: string, output: DisplayOutput): Promise<void> {
    this.el.className = 'html-output';
    const isolated = (output.metadata?.['text/html'] as { isolated?: unknown } | undefined)?.isolated === true;
    const { text: written, lacks } = await runtimeLibraries(text);
    if (lacks && !isAllowed()) {
      const notice = document.createElement('div');
      notice.className = 'lo-notice';
      notice.textContent = say('needsRuntime');
      this.el.replaceChildren(notice);
      return;
    }
    const html = await local(written);
    if (isolated) return this.showIsolated(html);
    this.el.innerHTML = html;
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

/** Saves a drawing as the file that it is. */
function saveLink(svg: SVGSVGElement): HTMLElement {
  const link = document.createElement('a');
  link.className = 'lo-button lo-save';
  link.download = 'image.svg';
  link.textContent = say('saveImage');
  const text = new XMLSerializer().serializeToString(svg);
  link.href = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  return link;
}

class SvgView extends ActiveView {
  protected override async show(text: string): Promise<void> {
    this.el.className = 'svg-output';
    this.el.innerHTML = text;
    const svg = this.el.querySelector('svg');
    if (svg !== null && !svg.hasAttribute('role')) svg.setAttribute('role', 'img');
    if (svg !== null) this.el.append(saveLink(svg));
    await runScripts(this.el);
  }
}

class ScriptView extends ActiveView {
  protected override async show(text: string): Promise<void> {
    this.el.className = 'script-output';
    this.el.replaceChildren();
    runProgram(await local(text), this.el);
  }
}

/** An ES module, as Colaboratory's own tables come. */
class ModuleView extends ActiveView {
  protected override async show(text: string): Promise<void> {
    this.el.className = 'script-output';
    (window as unknown as { element: HTMLElement }).element = this.el;
    const script = document.createElement('script');
    script.type = 'module';
    script.text = await local(text);
    this.el.replaceChildren(script);
  }
}

const script: ValueViewFactory = (env) => new ScriptView(env);
const views: Readonly<Record<string, ValueViewFactory>> = {
  'text/html': (env) => new HtmlView(env),
  'image/svg+xml': (env) => new SvgView(env),
  'application/javascript': script,
  'text/javascript': script,
  'application/vnd.bokehjs_load.v0+json': script,
  'application/vnd.google.colaboratory.module+javascript': (env) => new ModuleView(env),
};

/** Returns the renderer of a type that only frames show. */
export const activeView = (mime: string): ValueViewFactory | undefined =>
  Object.hasOwn(views, mime) ? views[mime] : rendererOf(mime);
