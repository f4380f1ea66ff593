/** Formulas by KaTeX, built as nodes and never as markup. A lazy chunk. */
import { render } from 'katex';
import 'katex/dist/katex.min.css';

/** Replaces the text of `place` by its formula; a formula with a mistake stays readable, in the colour of an error. */
export function typesetMath(place: HTMLElement, displayMode: boolean): void {
  const source = place.textContent ?? '';
  render(source, place, {
    displayMode,
    throwOnError: false,
    strict: false,
    trust: false,
    maxSize: 50,
    maxExpand: 500,
    errorColor: 'var(--error)',
    output: 'htmlAndMathml',
  });
}
