/** An output as an image in a file: as it is where it is one, else as its frame draws it. */
import {
  chooseMime,
  IMAGE_TYPES,
  inlineText,
  isActiveOutput,
  isBlobRef,
  isDisplay,
  type Output,
  readText,
} from './core';
import { type ViewEnv } from './core';

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const SVG = 'image/svg+xml';

/** Returns whether an output may have an image to save. */
export function mayBeImage(output: Output): boolean {
  if (!isDisplay(output)) return false;
  return IMAGE_TYPES.has(chooseMime(output) ?? '') || isActiveOutput(output);
}

/**
 * Saves an output under a name without its ending. Returns false where there is no image.
 *
 * `draw`: has the frame of the output draw it; what it gives is believed only as far as it is a PNG.
 */
export async function saveImage(
  output: Output,
  name: string,
  env: Pick<ViewEnv, 'readBlob'>,
  draw: (id: string) => Promise<Blob | null>,
): Promise<boolean> {
  if (!isDisplay(output)) return false;
  const mime = chooseMime(output) ?? '';
  const value = output.data[mime];
  if (mime === SVG) return offer(new Blob([await readText(value, env as ViewEnv)], { type: SVG }), `${name}.svg`);
  if (IMAGE_TYPES.has(mime)) {
    const bytes = isBlobRef(value) ? await env.readBlob(value.$blob) : decoded(inlineText(value));
    return offer(new Blob([bytes], { type: mime }), `${name}.${mime.slice(6).replace('jpeg', 'jpg')}`);
  }
  const drawn = await draw(output.id);
  if (drawn === null || !(await isPng(drawn))) return false;
  return offer(new Blob([drawn], { type: 'image/png' }), `${name}.png`);
}

const decoded = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64.replace(/\s+/g, '')), (character) => character.charCodeAt(0));

export async function isPng(blob: Blob): Promise<boolean> {
  const head = new Uint8Array(await blob.slice(0, PNG.length).arrayBuffer());
  return head.length === PNG.length && PNG.every((byte, at) => head[at] === byte);
}

function offer(blob: Blob, name: string): true {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser has taken it over by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return true;
}
