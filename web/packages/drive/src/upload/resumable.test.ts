import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PIECE, uploadInPieces } from './resumable';

/** A server of one upload, reached through XMLHttpRequest and fetch as the real one; `down` cuts both off. */
const server = { size: 0, received: 0, down: false, cutNext: false, starts: 0, known: true };

const state = () => ({ id: 'u1', size: server.size, received: server.received });
const answer = (status: number, body: unknown) => new Response(JSON.stringify(body), { status });

class FakeRequest extends EventTarget {
  upload = new EventTarget();
  status = 0;
  responseText = '';
  #offset = 0;
  open() {}
  setRequestHeader(name: string, value: string) {
    if (name === 'Upload-Offset') this.#offset = Number(value);
  }
  abort() {
    this.dispatchEvent(new Event('abort'));
  }
  send(body: Blob) {
    queueMicrotask(() => {
      if (server.down) return this.dispatchEvent(new Event('error'));
      if (server.cutNext) {
        // Half of the piece arrives before the connection breaks.
        server.cutNext = false;
        server.received += body.size / 2;
        server.down = true;
        return this.dispatchEvent(new Event('error'));
      }
      this.status = this.#offset === server.received ? 200 : 409;
      if (this.status === 200) server.received += body.size;
      this.responseText = JSON.stringify(
        this.status === 200
          ? state()
          : { code: 'offset_mismatch', message: '', details: { received: server.received } },
      );
      return this.dispatchEvent(new Event('load'));
    });
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  Object.assign(server, { size: 3 * PIECE - 10, received: 0, down: false, cutNext: false, starts: 0, known: true });
  vi.stubGlobal('XMLHttpRequest', FakeRequest);
  vi.stubGlobal('addEventListener', () => undefined);
  vi.stubGlobal('removeEventListener', () => undefined);
  vi.stubGlobal('fetch', async (where: string, init: { method: string }) => {
    if (server.down) throw new TypeError('network');
    if (where.endsWith('/complete')) return answer(200, { id: 'file' });
    if (init.method === 'POST') {
      server.starts += 1;
      server.received = 0;
      return answer(201, state());
    }
    return server.known ? answer(200, state()) : answer(404, { code: 'no_such_upload', message: '', details: {} });
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const hooks = (id: string | null, online: boolean[] = []) => ({
  signal: new AbortController().signal,
  id,
  onStart: () => undefined,
  onProgress: () => undefined,
  onConnection: (now: boolean) => void online.push(now),
});
const body = () => new Blob([new Uint8Array(server.size)]);

test('all pieces arrive, and the file is made', async () => {
  await expect(uploadInPieces(body(), 'a', 'root', hooks(null))).resolves.toEqual({ id: 'file' });
  expect([server.received, server.starts]).toEqual([server.size, 1]);
});

test('after a break it goes on by itself from what the server has', async () => {
  server.cutNext = true;
  const online: boolean[] = [];
  const sending = uploadInPieces(body(), 'a', 'root', hooks(null, online));
  await vi.advanceTimersByTimeAsync(5_000);
  expect(online.at(-1)).toBe(false);
  server.down = false;
  await vi.advanceTimersByTimeAsync(20_000);
  await expect(sending).resolves.toEqual({ id: 'file' });
  expect([server.received, server.starts]).toEqual([server.size, 1]);
});

test('one that was begun before goes on; one that is gone begins anew', async () => {
  server.received = PIECE + 5;
  await uploadInPieces(body(), 'a', 'root', hooks('u1'));
  expect([server.received, server.starts]).toEqual([server.size, 0]);
  server.known = false;
  await uploadInPieces(body(), 'a', 'root', hooks('u1'));
  expect([server.received, server.starts]).toEqual([server.size, 1]);
});
