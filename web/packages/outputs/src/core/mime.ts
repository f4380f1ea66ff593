/** Which value of a MIME bundle is shown, and which ones may only be shown in a frame. */
import { PIP_MIME, replacedPackages } from './pip-view';
import { type DisplayOutput, isDisplay, type Output } from './types';

/** A diagram of Mermaid. */
export const DIAGRAM = 'text/vnd.mermaid';

const ACTIVE = new Set([
  'application/vnd.jupyter.widget-view+json',
  'application/vnd.plotly.v1+json',
  'application/vnd.bokehjs_load.v0+json',
  'application/vnd.google.colaboratory.module+javascript',
  'application/geo+json',
  DIAGRAM,
  'text/html',
  'image/svg+xml',
  'application/pdf',
  'application/javascript',
  'text/javascript',
]);
/** Charts of any version of Vega and Vega-Lite; Altair writes a dot for the plus. */
const VEGA = /^application\/vnd\.vega(lite)?\.v\d+(\.\d+)*[+.]json$/;

/** Richest first, in the order that Jupyter front ends agree on. */
const ORDER = [
  'application/vnd.jupyter.widget-view+json',
  'application/vnd.plotly.v1+json',
  'application/vnd.bokehjs_load.v0+json',
  'application/vnd.google.colaboratory.module+javascript',
  'application/geo+json',
  DIAGRAM,
  'text/html',
  'text/markdown',
  'image/svg+xml',
  'text/latex',
  'image/png',
  'image/jpeg',
  'image/webp',
  'image/gif',
  'application/pdf',
  'application/javascript',
  'text/javascript',
  'application/json',
  'text/plain',
] as const;

export const IMAGE_TYPES: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif']);

/** Returns the MIME type that is shown of an output, or undefined when none is known. */
export function chooseMime(output: DisplayOutput): string | undefined {
  if (replacedPackages(output.data[PIP_MIME]) !== undefined) return PIP_MIME;
  const charts = Object.keys(output.data).find((mime) => VEGA.test(mime));
  return charts ?? ORDER.find((mime) => Object.hasOwn(output.data, mime));
}

/** Returns whether an output must be shown in a frame of the content origin. */
export function isActiveOutput(output: Output): boolean {
  if (!isDisplay(output)) return false;
  const mime = chooseMime(output);
  return mime !== undefined && (ACTIVE.has(mime) || VEGA.test(mime));
}

/** Returns whether the outputs of a cell, all of them together, must be shown in a frame. */
export const needsFrame = (outputs: readonly Output[]): boolean => outputs.some(isActiveOutput);

/** Returns a display that is there for its effect and shows nothing (`metadata.outputarea.nodisplay`, empty data). */
export function showsNothing(output: DisplayOutput): boolean {
  return Object.keys(output.data).length === 0;
}
