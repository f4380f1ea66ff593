/** Stands in for the helpers of `@jupyter-widgets/controls` that look for MathJax: formulas are KaTeX's here. */
import { uuid, resolvePromisesDict } from '@jupyter-widgets/base';

export { uuid, resolvePromisesDict };

const FORMULA = /\$\$([^$]+)\$\$|\$([^$\n]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]/g;

/** Puts a text into an element, and draws the formulas in it. */
export function typeset(element: HTMLElement, text?: string): void {
  if (text !== undefined) element.textContent = text;
  if (!/\$|\\[([]/.test(element.textContent ?? '')) return;
  void import('@labora/outputs/core/math').then(({ typesetMath }) => {
    for (const node of textNodes(element)) {
      const pieces = split(node.data);
      if (pieces.length < 2 && typeof pieces[0] === 'string') continue;
      // One element around them: the spaces between text and formula would be lost where the place is a flex box.
      const whole = document.createElement('span');
      whole.append(
        ...pieces.map((piece) => {
          if (typeof piece === 'string') return piece;
          const place = document.createElement('span');
          place.textContent = piece.formula;
          typesetMath(place, piece.display);
          return place;
        }),
      );
      node.replaceWith(whole);
    }
  });
}

function split(text: string): (string | { formula: string; display: boolean })[] {
  const pieces: (string | { formula: string; display: boolean })[] = [];
  let at = 0;
  for (const found of text.matchAll(FORMULA)) {
    const formula = found[1] ?? found[2] ?? found[3] ?? found[4] ?? '';
    if (found.index > at) pieces.push(text.slice(at, found.index));
    pieces.push({ formula, display: found[1] !== undefined || found[4] !== undefined });
    at = found.index + found[0].length;
  }
  if (at < text.length) pieces.push(text.slice(at));
  return pieces;
}

function textNodes(element: HTMLElement): Text[] {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const nodes: Text[] = [];
  while (walker.nextNode()) nodes.push(walker.currentNode as Text);
  return nodes.filter((node) => node.parentElement?.closest('.katex') === null);
}

export function escape_html(text: string): string {
  const place = document.createElement('div');
  place.textContent = text;
  return place.innerHTML;
}

export function reject(message: string, log: boolean): (error: unknown) => never {
  return (error) => {
    // oxlint-disable-next-line eslint/no-console -- for whoever wrote the widget
    if (log) console.error(new Error(message));
    throw error;
  };
}
