/** Vega and Vega-Lite charts, of any version: what older ones say differently, the newest reads with a warning. */
import { type ViewEnv } from '@labora/outputs/core';
import { loadScript } from '../libraries';
import { type Drawing } from './lazy';

interface Result {
  finalize(): void;
}

type Embed = (place: HTMLElement, spec: unknown, options: Record<string, unknown>) => Promise<Result>;

const isDark = (): boolean => document.documentElement.dataset['theme'] === 'dark';

export function vega(mime: string): () => Promise<(place: HTMLElement, env: ViewEnv) => Drawing> {
  const mode = mime.includes('vegalite') ? 'vega-lite' : 'vega';
  return async () => {
    for (const name of ['vega', 'vega-lite', 'vega-embed']) await loadScript(name);
    const { vegaEmbed } = window as unknown as { vegaEmbed: Embed };
    return (place) => {
      let shown: Result | null = null;
      return {
        themed: true,
        async draw(value, output) {
          shown?.finalize();
          const given = (output.metadata?.[mime] ?? {}) as { embed_options?: Record<string, unknown> };
          const spec = { ...(value as Record<string, unknown>) };
          // The version that it was written for would be warned of; it is read all the same.
          delete spec['$schema'];
          const theme = isDark() ? { theme: 'dark' } : {};
          const inner = document.createElement('div');
          place.replaceChildren(inner);
          const options = { mode, actions: true, renderer: 'svg', ...theme, ...given.embed_options };
          shown = await vegaEmbed(inner, withBackground(spec), options);
        },
        dispose: () => shown?.finalize(),
      };
    };
  };
}

/** A chart with no ground of its own stands on the page's. */
function withBackground(spec: Record<string, unknown>): Record<string, unknown> {
  const config = (spec['config'] ?? {}) as Record<string, unknown>;
  return spec['background'] === undefined && config['background'] === undefined
    ? { ...spec, background: 'transparent' }
    : spec;
}
