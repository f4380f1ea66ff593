import { afterEach, expect, test, vi } from 'vitest';
import { api } from './client';
import { type ApiError, address, isApiError, onSignedOut } from './request';

function answer(status: number, body: unknown) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const spy = vi.fn(async (_url: string, _init: RequestInit) => new Response(text || null, { status }));
  vi.stubGlobal('fetch', spy);
  return spy;
}

afterEach(() => vi.unstubAllGlobals());

test('an address leaves out what is not asked for and escapes the rest', () => {
  expect(address('/files', { q: 'a&b', folder: undefined, pageSize: 50 })).toBe('/api/v1/files?q=a%26b&pageSize=50');
});

test('a change carries the header against forgery and the version it is based on', async () => {
  const fetch = answer(200, { id: 'f' });
  await api.changeFile('f', { name: 'New' }, 7);
  const [url, init] = fetch.mock.calls[0] ?? [];
  expect(url).toBe('/api/v1/files/f');
  expect(init?.method).toBe('PATCH');
  expect(init?.headers).toMatchObject({ 'X-Labora': '1', 'If-Match': '"7"', 'Content-Type': 'application/json' });
  expect(init?.body).toBe('{"name":"New"}');
});

test('an error keeps the code, the message and the details of the server', async () => {
  answer(409, { code: 'login_taken', message: 'Taken.', details: { login: 'ada' } });
  const error = await api.login('ada', 'x').catch((reason: unknown) => reason);
  expect(isApiError(error, 'login_taken')).toBe(true);
  expect((error as ApiError).details).toEqual({ login: 'ada' });
});

test('an answer that is not ours becomes an error with its status', async () => {
  answer(502, '<html>Bad gateway</html>');
  await expect(api.me()).rejects.toMatchObject({ status: 502, code: 'http_502' });
});

test('no server at all is told as offline', async () => {
  vi.stubGlobal('navigator', { onLine: false });
  vi.stubGlobal('fetch', async () => {
    throw new TypeError('Failed to fetch');
  });
  await expect(api.me()).rejects.toMatchObject({ code: 'offline' });
});

test('what only reads is asked again when the network drops it, a change is not', async () => {
  vi.stubGlobal('navigator', { onLine: true });
  const fetch = vi.fn(async () => {
    if (fetch.mock.calls.length % 2 === 1) throw new TypeError('Failed to fetch');
    return new Response('{"id":"f"}');
  });
  vi.stubGlobal('fetch', fetch);
  await expect(api.file('f')).resolves.toMatchObject({ id: 'f' });
  expect(fetch).toHaveBeenCalledTimes(2);
  await expect(api.changeFile('f', { name: 'New' }, 7)).rejects.toMatchObject({ code: 'offline' });
  expect(fetch).toHaveBeenCalledTimes(3);
});

test('an ended login session is told, wrong credentials are not', async () => {
  const heard = vi.fn();
  const stop = onSignedOut(heard);
  answer(401, { code: 'bad_credentials', message: 'No.' });
  await api.login('ada', 'x').catch(() => undefined);
  expect(heard).not.toHaveBeenCalled();
  answer(401, { code: 'unauthenticated', message: 'Sign in.' });
  await api.me().catch(() => undefined);
  expect(heard).toHaveBeenCalledOnce();
  stop();
});
