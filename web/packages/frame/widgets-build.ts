/** What the build changes in Jupyter's widget packages, which were made for a notebook page of another kind. */
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export function jupyterWidgets(): Plugin {
  return {
    name: 'labora-jupyter-widgets',
    enforce: 'pre',
    resolveId(source, importer) {
      // They typeset with a MathJax that the page would have to hold; formulas are KaTeX's here.
      if (source === './utils' && importer?.includes('/@jupyter-widgets/controls/lib/'))
        return at('src/widgets/formulas.ts');
      // 150 kB of parsers, where the outputs have a sanitizer.
      if (source === 'sanitize-html') return at('src/widgets/sanitize.ts');
      return null;
    },
  };
}
