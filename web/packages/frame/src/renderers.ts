/** Renderers that are loaded when an output first needs them, by MIME type (`outputs/src/core/mime.ts` names them too). */
import { type ValueViewFactory } from '@labora/outputs/core';
import { type Draw, LazyView, type Reading } from './views/lazy';

const drawn =
  (load: () => Promise<Draw>, as: Reading): ValueViewFactory =>
  (env) =>
    new LazyView(env, load, as);

const VEGA = /^application\/vnd\.vega(lite)?\.v\d+(\.\d+)*[+.]json$/;
const fixed: Readonly<Record<string, ValueViewFactory>> = {
  'application/vnd.plotly.v1+json': drawn(async () => (await import('./views/plotly')).plotly(), 'json'),
  'application/geo+json': drawn(async () => (await import('./views/geojson')).geojson(), 'json'),
  'text/vnd.mermaid': drawn(async () => (await import('./views/mermaid')).mermaid, 'text'),
  'application/pdf': drawn(async () => (await import('./views/pdf')).pdf, 'bytes'),
};

/** Returns the renderer of a type, if it is one of these. */
export function rendererOf(mime: string): ValueViewFactory | undefined {
  if (VEGA.test(mime)) return drawn(async () => (await import('./views/vega')).vega(mime)(), 'json');
  return Object.hasOwn(fixed, mime) ? fixed[mime] : undefined;
}
