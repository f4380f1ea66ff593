import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const server = process.env['LABORA_URL'] ?? 'http://localhost:8000';

const frame = at('../packages/frame');

/** Serves the output frame's page while developing; a build makes it with the frame's own configuration. */
function framePage(): Plugin {
  return {
    name: 'labora-frame-page',
    configureServer(dev) {
      dev.middlewares.use((request, response, next) => {
        const path = request.url?.split('?')[0];
        if (path !== '/frame.html' && path !== '/out.html') return next();
        if (path === '/out.html') response.setHeader('Content-Security-Policy', 'sandbox allow-scripts allow-popups');
        response.setHeader('Content-Type', 'text/html');
        response.end(readFileSync(`${frame}/frame.html`, 'utf8').replace('/src/main.ts', `/@fs${frame}/src/main.ts`));
      });
    },
  };
}

/** Writes /sw.js: the worker with the names of this build's files and a version that changes with any of them. */
function shellWorker(): Plugin {
  return {
    name: 'labora-shell-worker',
    apply: 'build',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const wanted = /\.(js|css|woff2|svg)$/;
        const built = Object.keys(bundle).filter((name) => wanted.test(name));
        const files = [...built.map((name) => `/${name}`), '/theme.js', '/favicon.svg'].sort();
        const source = readFileSync(at('src/worker.js'), 'utf8');
        const page = bundle['index.html'];
        const version = createHash('sha256')
          .update(source)
          .update(files.join())
          .update(page?.type === 'asset' ? page.source : '')
          .digest('hex')
          .slice(0, 12);
        const text = source.replace('__VERSION__', version).replace('__FILES__', JSON.stringify(files));
        this.emitFile({ type: 'asset', fileName: 'sw.js', source: text });
      },
    },
  };
}

export default defineConfig({
  root: at('.'),
  plugins: [react(), framePage(), shellWorker()],
  build: {
    outDir: at('../../src/labora/web/static'),
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: false,
    // Everything is a file with a hashed name: the app's content policy knows no data: scripts or styles.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
  server: {
    port: 5173,
    cors: true,
    fs: { allow: [at('..')] },
    proxy: { '/api': { target: server, ws: true, changeOrigin: false } },
  },
});
