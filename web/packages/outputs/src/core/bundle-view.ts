/** A MIME bundle: the richest value that is known here, honest about one that is not. */
import { h } from './dom';
import { ImageView } from './image-view';
import { JsonView } from './json-view';
import { MarkdownView } from './markdown-view';
import { chooseMime, IMAGE_TYPES, showsNothing } from './mime';
import { PIP_MIME, PipView } from './pip-view';
import { say } from './strings';
import { TextView } from './text-view';
import { type DisplayOutput, isDisplay, type Output, type ValueView, type View, type ViewEnv } from './types';

function makeValueView(mime: string, env: ViewEnv): ValueView {
  const active = env.active?.(mime);
  if (active !== undefined) return active(env, mime);
  if (IMAGE_TYPES.has(mime)) return new ImageView(env, mime);
  if (mime === 'text/markdown' || mime === 'text/latex') return new MarkdownView(env, mime);
  if (mime === 'application/json') return new JsonView(env);
  if (mime === PIP_MIME) return new PipView(env);
  return new TextView(env);
}

export class BundleView implements View {
  readonly el: HTMLElement;
  private readonly mime: string | undefined;
  private readonly value: ValueView | null = null;

  constructor(
    private output: DisplayOutput,
    env: ViewEnv,
  ) {
    this.mime = chooseMime(output);
    this.el = h('div', { class: `lo-display${output.output_type === 'execute_result' ? ' lo-result' : ''}` });
    if (this.mime === undefined) {
      const types = Object.keys(output.data).join(', ').slice(0, 300);
      if (!showsNothing(output)) this.el.append(h('div', { class: 'lo-notice' }, say('unknownType', { types })));
      return;
    }
    this.value = makeValueView(this.mime, env);
    this.el.append(this.value.el);
    this.value.update(output.data[this.mime], output);
  }

  update(output: Output): boolean {
    if (!isDisplay(output) || output.output_type !== this.output.output_type) return false;
    const mime = chooseMime(output);
    if (mime !== this.mime) return false;
    if (mime === undefined) return output === this.output;
    this.output = output;
    this.value?.update(output.data[mime], output);
    return true;
  }

  text(): string | Promise<string> {
    const plain = this.output.data['text/plain'];
    if (typeof plain === 'string') return plain;
    return this.value?.text() ?? '';
  }

  dispose(): void {
    this.value?.dispose();
  }
}
