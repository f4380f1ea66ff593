/** What a dialog shows of a file or a folder of the runtime: never more of it than is shown. */
import { t } from '@labora/ui';
import { contentUrl, folderUrl } from './addresses';

export const SHOWN_CHARACTERS = 200_000;
/** A character has four bytes at most. */
const TEXT_BYTES = 4 * SHOWN_CHARACTERS;
const IMAGE_BYTES = 32 * 1024 * 1024;
const IMAGE = /\.(png|jpe?g|gif|webp)$/i;

export type Read =
  { text: string; cut: boolean } | { image: Blob } | { failed: string } | { names: string[]; more: boolean };

interface Listing {
  entries: { name: string; kind: string }[];
  more: boolean;
}

/** Reads the beginning of a text, a whole image, or the names in a folder. Rejects without the server, or when aborted. */
export async function readFile(runtimeId: string, path: string, signal: AbortSignal): Promise<Read> {
  const limit = IMAGE.test(path) ? IMAGE_BYTES : TEXT_BYTES;
  const response = await fetch(contentUrl(runtimeId, path), { signal, headers: { Range: `bytes=0-${limit - 1}` } });
  if (!response.ok) return unread(response, runtimeId, path, signal);
  const whole = Number(/\/(\d+)$/.exec(response.headers.get('Content-Range') ?? '')?.[1] ?? 0);
  const cut = whole > limit;
  if (IMAGE.test(path)) return cut ? { failed: t('live.view.large') } : { image: await response.blob() };
  const bytes = new Uint8Array(await response.arrayBuffer());
  // A character that the end of the part cuts through is left out.
  const text = new TextDecoder().decode(bytes, { stream: cut });
  if (text.includes('\0')) return { failed: t('live.view.binary') };
  return { text: text.slice(0, SHOWN_CHARACTERS), cut: cut || text.length > SHOWN_CHARACTERS };
}

async function unread(response: Response, runtimeId: string, path: string, signal: AbortSignal): Promise<Read> {
  const empty = response.status === 416;
  const told = (await response.json().catch(() => null)) as { code?: string; message?: string } | null;
  if (empty || told?.code === 'not_a_file') {
    const listed = await fetch(folderUrl(runtimeId, path), { signal });
    if (listed.ok) {
      const { entries, more } = (await listed.json()) as Listing;
      return { names: entries.map(({ name, kind }) => (kind === 'folder' ? `${name}/` : name)), more };
    }
    if (empty) return { text: '', cut: false };
  }
  return { failed: t('live.view.failed', { message: told?.message ?? String(response.status) }) };
}
