import { afterEach, expect, test, vi } from 'vitest';
import './messages';
import { readFile, SHOWN_CHARACTERS } from './read-file';

afterEach(() => vi.unstubAllGlobals());

/** A runtime with one file, which keeps to the ranges that it is asked for; without one it is a folder. */
function serve(file: Uint8Array<ArrayBuffer> | null): string[] {
  const asked: string[] = [];
  vi.stubGlobal('fetch', (url: string, { headers }: { headers?: { Range: string } }) => {
    asked.push(url);
    const listing = {
      path: '/',
      entries: [
        { name: 'a', kind: 'folder' },
        { name: 'b', kind: 'file' },
      ],
      more: false,
    };
    if (!url.includes('/content'))
      return Promise.resolve(file ? new Response(null, { status: 409 }) : Response.json(listing));
    if (!file) return Promise.resolve(Response.json({ code: 'not_a_file', message: 'No.' }, { status: 409 }));
    if (file.length === 0) return Promise.resolve(new Response(null, { status: 416 }));
    const end = Math.min(file.length, Number(headers?.Range.split('-')[1]) + 1);
    const range = { 'Content-Range': `bytes 0-${end - 1}/${file.length}` };
    return Promise.resolve(new Response(file.slice(0, end), { status: 206, headers: range }));
  });
  return asked;
}

const read = (path: string) => readFile('r', path, new AbortController().signal);

test('takes no more of a text than is shown, and cuts no character in two', async () => {
  serve(new TextEncoder().encode('☃'.repeat(300_000)));
  expect(await read('/content/t.txt')).toEqual({ text: '☃'.repeat(SHOWN_CHARACTERS), cut: true });
  serve(new TextEncoder().encode('short'));
  expect(await read('/content/t.txt')).toEqual({ text: 'short', cut: false });
  serve(new Uint8Array());
  expect(await read('/content/t.txt')).toEqual({ text: '', cut: false });
});

test('shows no image that is too large, and of a folder its names', async () => {
  serve(new Uint8Array(40 * 1024 * 1024));
  expect(await read('/content/i.png')).toHaveProperty('failed');
  serve(new Uint8Array(40));
  expect(await read('/content/i.png')).toHaveProperty('image');
  serve(null);
  expect(await read('/content')).toEqual({ names: ['a/', 'b'], more: false });
});
