/**
 * Other people's libraries as assets of the frame: those that cdn.json names are copied, each under a name with its hash,
 * with the images and fonts that their style sheets mention. `virtual:libraries` tells their names and which addresses
 * of public networks stand for them.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const here = fileURLToPath(new URL('..', import.meta.url));
const ID = 'virtual:libraries';

function locate(file: string): string {
  if (file.startsWith('@labora/frame/')) return join(here, file.slice('@labora/frame/'.length));
  for (let folder = here; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', file);
    if (existsSync(found)) return found;
    if (folder === dirname(folder)) throw new Error(`cdn.json names ${file}, which is not installed.`);
  }
}

export function libraries(): Plugin {
  const names = new Map<string, string>();
  let emit: (name: string, source: Uint8Array | string) => void = () => {};

  function place(path: string): string {
    const known = names.get(path);
    if (known !== undefined) return known;
    let source: Uint8Array | string = readFileSync(path);
    if (path.endsWith('.css')) source = withAssets(source.toString(), dirname(path));
    const hash = createHash('sha256').update(source).digest('base64url').replace(/[_-]/g, '').slice(0, 8);
    const name = `lib-${basename(path).replace(/(\.[^.]+)$/, `-${hash}$1`)}`.toLowerCase();
    names.set(path, name);
    emit(`frame/${name}`, source);
    return name;
  }

  /** Browsers that run this page read woff2: other fonts are left out. */
  function withAssets(css: string, folder: string): string {
    return css
      .replace(/,\s*url\([^)]*\.ttf[^)]*\)\s*format\([^)]*\)/g, '')
      .replace(/url\((['"]?)([^'")]+)\1\)/g, (all, _quote, url: string) => {
        const file = join(folder, (url.split(/[?#]/)[0] ?? '').trim());
        return /^(data:|https?:|#)/.test(url) || !existsSync(file) ? all : `url(${place(file)})`;
      });
  }

  return {
    name: 'labora-libraries',
    resolveId: (id) => (id === ID ? `\0${ID}` : null),
    load(id) {
      if (id !== `\0${ID}`) return null;
      const building = this.meta.watchMode !== true && typeof this.emitFile === 'function';
      emit = (fileName, source) => {
        if (building) this.emitFile({ type: 'asset', fileName, source });
      };
      const table = JSON.parse(readFileSync(join(here, 'cdn.json'), 'utf8')) as [string, string, string][];
      const rules = table.map(([name, pattern, file]) => [name, pattern, place(locate(file))]);
      return `export default ${JSON.stringify(rules)};`;
    },
  };
}
