/** A view that runs the programs of an output: it waits its turn among the outputs of the cell. */
import { readText, say, type DisplayOutput, type ValueView, type ViewEnv } from '@labora/outputs/core';
import { enqueue } from '../scripts';

export abstract class ActiveView implements ValueView {
  readonly el = document.createElement('div');
  private value: unknown;

  constructor(protected readonly env: ViewEnv) {}

  update(value: unknown, output: DisplayOutput): void {
    if (value === this.value) return;
    this.value = value;
    // Reading starts at once; showing and running wait for the outputs before this one.
    const reading = this.read(value).catch(() => null);
    void enqueue(async () => {
      const text = await reading;
      if (this.value !== value || !this.el.isConnected) return;
      if (text === null) this.el.replaceChildren(say('loadFailed'));
      else await this.show(text, output);
    });
  }

  protected read(value: unknown): Promise<string> {
    return readText(value, this.env);
  }

  protected abstract show(text: string, output: DisplayOutput): Promise<void>;

  text(): Promise<string> {
    return Promise.resolve(this.el.innerText);
  }

  dispose(): void {
    this.value = undefined;
  }
}
