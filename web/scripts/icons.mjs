// Makes packages/ui/src/icons.gen.ts: the outlines of the icons named in packages/ui/icons.json, inlined as path data.
// `npm run icons` after adding a name; names are those of Material Symbols (rounded), `-fill` for the filled shape.
import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const symbols = join(dirname(require.resolve('@material-symbols/svg-400/package.json')), 'rounded');
const folder = fileURLToPath(new URL('../packages/ui/', import.meta.url));
const names = JSON.parse(await readFile(join(folder, 'icons.json'), 'utf8'));

const lines = [];
for (const name of [...new Set(names)].sort()) {
  const svg = await readFile(join(symbols, `${name}.svg`), 'utf8');
  const path = /^<svg[^>]*viewBox="0 -960 960 960"[^>]*><path d="([^"]+)"\/><\/svg>$/.exec(svg.trim())?.[1];
  if (!path) throw new Error(`${name}: not a single path in the usual box`);
  lines.push(`  '${name}': '${path}',`);
}
await writeFile(
  join(folder, 'src/icons.gen.ts'),
  `// Made by scripts/icons.mjs from Material Symbols (Apache-2.0); do not edit.\nexport const icons = {\n${lines.join('\n')}\n} as const;\n`,
);
console.log(`${lines.length} icons`);
