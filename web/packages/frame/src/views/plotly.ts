/** Plotly figures; they follow the frame's width unless they have one of their own. */
import { type ViewEnv } from '@labora/outputs/core';
import { loadScript } from '../libraries';
import { type Drawing } from './lazy';

interface Figure {
  data?: unknown[];
  layout?: Record<string, unknown>;
  config?: Record<string, unknown>;
  frames?: unknown[];
}

interface PlotlyModule {
  react(place: HTMLElement, data: unknown[], layout: unknown, config: unknown): Promise<unknown>;
  addFrames(place: HTMLElement, frames: unknown[]): Promise<unknown>;
  purge(place: HTMLElement): void;
}

export async function plotly(): Promise<(place: HTMLElement, env: ViewEnv) => Drawing> {
  await loadScript('plotly');
  const { Plotly } = window as unknown as { Plotly: PlotlyModule };
  return (place) => ({
    async draw(value) {
      const { data = [], layout = {}, config = {}, frames = [] } = value as Figure;
      const size = layout['width'] === undefined && layout['autosize'] === undefined ? { autosize: true } : {};
      const all = { responsive: true, ...config };
      await Plotly.react(place, data, { ...layout, ...size }, all);
      if (frames.length > 0) await Plotly.addFrames(place, frames);
    },
    dispose: () => Plotly.purge(place),
  });
}
