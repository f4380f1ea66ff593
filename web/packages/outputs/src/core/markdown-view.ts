/** text/markdown and text/latex of a display, sanitised into the page. */
import { h } from './dom';
import { say } from './strings';
import { type DisplayOutput, type ValueView, type ViewEnv } from './types';
import { readText } from './values';

export class MarkdownView implements ValueView {
  readonly el = h('div', { class: 'lo-markdown' });
  private value: unknown;

  constructor(
    private readonly env: ViewEnv,
    private readonly mime: string,
  ) {}

  update(value: unknown, _output: DisplayOutput): void {
    if (value === this.value) return;
    this.value = value;
    this.render(value).then(
      (fragment) => this.value === value && this.el.replaceChildren(fragment),
      () => this.el.replaceChildren(say('loadFailed')),
    );
  }

  private async render(value: unknown): Promise<DocumentFragment> {
    const [text, markdown] = await Promise.all([readText(value, this.env), import('./markdown')]);
    return this.mime === 'text/latex' ? markdown.renderLatex(text) : markdown.renderMarkdown(text, this.env);
  }

  text(): Promise<string> {
    return readText(this.value, this.env);
  }

  dispose(): void {
    this.el.remove();
  }
}
