/** `ipywidgets.Output`: outputs of the kernel inside a widget, drawn like those of a cell. */
import { DOMWidgetModel, DOMWidgetView } from '@jupyter-widgets/base';
import { OutputList, type Output } from '@labora/outputs/core';
import type { Manager } from './manager';

export class OutputModel extends DOMWidgetModel {
  override defaults() {
    return {
      ...super.defaults(),
      _model_name: 'OutputModel',
      _model_module: '@jupyter-widgets/output',
      _view_name: 'OutputView',
      _view_module: '@jupyter-widgets/output',
      msg_id: '',
      outputs: [],
    };
  }
}

export class OutputView extends DOMWidgetView {
  private list: OutputList | null = null;

  override render(): void {
    this.el.classList.add('lo-widget-outputs');
    const manager = this.model.widget_manager as unknown as Manager;
    // Its outputs stay within it, wherever the cell's active area is.
    const { seat: _seat, ...env } = manager.env;
    this.list = new OutputList(this.el, env);
    this.listenTo(this.model, 'change:outputs', () => this.draw());
    this.draw();
  }

  override remove(): this {
    this.list?.dispose();
    this.list = null;
    return super.remove() as this;
  }

  private draw(): void {
    const outputs: unknown = this.model.get('outputs');
    this.list?.update(Array.isArray(outputs) ? outputs.flatMap(readOutput) : []);
  }
}

/** An output as nbformat has it, with the id that lists of outputs go by: its place. */
function readOutput(value: unknown, at: number): Output[] {
  if (typeof value !== 'object' || value === null) return [];
  const { text, ...output } = value as { output_type?: unknown; text?: unknown; data?: Record<string, unknown> };
  if (typeof output.output_type !== 'string') return [];
  const id = String(at);
  if (output.output_type === 'stream') return [{ ...output, id, text: joined(text) } as unknown as Output];
  if (output.data === undefined) return [{ ...output, id } as unknown as Output];
  const data = Object.fromEntries(
    Object.entries(output.data).map(([type, part]) => [type, type.endsWith('json') ? part : joined(part)]),
  );
  return [{ ...output, id, data } as unknown as Output];
}

const joined = (text: unknown): unknown => (Array.isArray(text) ? text.join('') : (text ?? ''));
