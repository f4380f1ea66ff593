/** Says that a package was replaced which the kernel has imported, and offers to begin anew where the kernel is one's own. */
import { h } from './dom';
import { say } from './strings';
import { type RestartOffer, type ValueView, type ViewEnv } from './types';

export const PIP_MIME = 'application/vnd.colab-display-data+json';
const MAX_NAMES = 50;

/** Returns the packages of a `pip_warning`; undefined for what is none. */
export function replacedPackages(value: unknown): readonly string[] | undefined {
  const warning = (value as { pip_warning?: { packages?: unknown } } | null | undefined)?.pip_warning;
  const packages = warning?.packages;
  if (!Array.isArray(packages)) return undefined;
  const names = packages.filter((name): name is string => typeof name === 'string');
  return names.length === 0 ? undefined : names.slice(0, MAX_NAMES).map((name) => name.slice(0, 100));
}

export class PipView implements ValueView {
  readonly el = h('div', { class: 'lo-notice lo-pip', role: 'note' });
  private readonly words = h('span', {});
  private readonly leave: (() => void) | undefined;

  constructor(env: ViewEnv) {
    this.el.append(this.words);
    if (env.restart !== undefined) this.leave = this.offer(env.restart);
  }

  private offer(restart: RestartOffer): () => void {
    const button = h('button', { type: 'button', onclick: () => restart.run() }, say('pipRestart'));
    this.el.append(button);
    const show = () => (button.hidden = !restart.possible());
    show();
    return restart.watch(show);
  }

  update(value: unknown): void {
    this.words.textContent = say('pipReplaced', { packages: (replacedPackages(value) ?? []).join(', ') });
  }

  text(): string {
    return this.words.textContent ?? '';
  }

  dispose(): void {
    this.leave?.();
    this.el.remove();
  }
}
