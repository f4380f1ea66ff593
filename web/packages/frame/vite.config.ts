import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { libraries } from './build/libraries';
import { jupyterWidgets } from './widgets-build';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// Built apart from the app: what the content origin serves must share no chunk with the app.
// All of it lies in frame.html and frame/, so that the server can serve exactly these there.
export default defineConfig({
  root: at('.'),
  plugins: [libraries(), jupyterWidgets()],
  // The app's development server knows the page by the same path.
  resolve: { alias: [{ find: /^\/src\/frame\//, replacement: at('src/') }] },
  build: {
    outDir: at('../../../src/labora/web/static'),
    emptyOutDir: false,
    assetsDir: 'frame',
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: at('frame.html') },
  },
});
