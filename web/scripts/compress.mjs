// Writes .br and .gz copies beside the built files, so that the server sends them without compressing anything.
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const root = fileURLToPath(new URL('../../src/labora/web/static', import.meta.url));
const kinds = new Set(['.html', '.js', '.mjs', '.css', '.svg', '.json', '.webmanifest', '.txt']);

const entries = await readdir(root, { recursive: true, withFileTypes: true });
const files = entries.filter((entry) => entry.isFile() && kinds.has(extname(entry.name)));
let before = 0;
let after = 0;
for (const file of files) {
  const path = join(file.parentPath ?? file.path, file.name);
  const bytes = await readFile(path);
  // The best level takes minutes for libraries of megabytes, and saves little on them.
  const quality = bytes.length > 300_000 ? 8 : 11;
  const params = { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  const [br, gz] = await Promise.all([
    promisify(brotliCompress)(bytes, { params }),
    promisify(gzip)(bytes, { level: 9 }),
  ]);
  // A copy that saves nothing is not worth a file.
  if (br.length < bytes.length) await writeFile(`${path}.br`, br);
  if (gz.length < bytes.length) await writeFile(`${path}.gz`, gz);
  before += bytes.length;
  after += Math.min(br.length, bytes.length);
}
console.log(`${files.length} files: ${Math.round(before / 1024)} KiB, ${Math.round(after / 1024)} KiB compressed`);
