import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { api } from './client';

interface Document {
  paths: Record<string, Record<string, { requestBody?: { content: Record<string, { schema: { $ref?: string } }> } }>>;
  components: { schemas: Record<string, { properties?: Record<string, unknown>; required?: string[] }> };
}

const described = JSON.parse(readFileSync(new URL('../openapi.json', import.meta.url), 'utf8')) as Document;

afterEach(() => vi.unstubAllGlobals());

/** The description of a route, found by an address that was really asked for. */
function route(method: string, path: string) {
  // A fixed path goes before a pattern that would match it too.
  const patterns = Object.keys(described.paths).sort((a, b) => Number(a.includes('{')) - Number(b.includes('{')));
  const pattern = patterns.find((one) => new RegExp(`^${one.replace(/\{\w+\}/g, '[^/]+')}$`).test(path));
  return pattern && described.paths[pattern]?.[method.toLowerCase()];
}

const form = { name: 'Ada', login: 'ada', password: 'correct horse' };
const calls: Record<string, () => unknown> = {
  instance: () => api.instance(),
  setup: () => api.setup('secret', form),
  login: () => api.login('ada', 'x'),
  logout: () => api.logout(),
  logoutEverywhere: () => api.logoutEverywhere(),
  me: () => api.me(),
  rename: () => api.rename('Ada'),
  changePassword: () => api.changePassword('a', 'b'),
  tokens: () => api.tokens(),
  createToken: () => api.createToken('x', ['read'], 30),
  deleteToken: () => api.deleteToken('t'),
  invitations: () => api.invitations(),
  invite: () => api.invite('x'),
  deleteInvitation: () => api.deleteInvitation('i'),
  invitation: () => api.invitation('secret'),
  acceptInvitation: () => api.acceptInvitation('secret', form),
  resetPassword: () => api.resetPassword('secret', 'x'),
  accounts: () => api.accounts(),
  resetLink: () => api.resetLink('a'),
  setDisabled: () => api.setDisabled('a', true),
  people: () => api.people('a'),
  search: () => api.search({ text: 'x', where: 'code', kind: 'file', owner: 'me', pageSize: 1 }),
  files: () =>
    api.files({ view: 'drive', folder: 'root', name: 'x', q: 'x', pageToken: 'x', pageSize: 1, orderBy: 'name' }),
  file: () => api.file('f'),
  ancestors: () => api.ancestors('f'),
  countFiles: () => api.countFiles({ view: 'drive', folder: 'f', q: 'starred = true' }),
  contents: () => api.contents('f'),
  changeFiles: () => api.changeFiles(['f', 'g'], { parent_id: 'p' }),
  createShortcut: () => api.createShortcut('f', 'p', 'x'),
  createFile: () => api.createFile('folder', 'x', 'root'),
  changeFile: () => api.changeFile('f', { name: 'x', parent_id: 'p', trashed: true, starred: true }),
  deleteFile: () => api.deleteFile('f'),
  emptyTrash: () => api.emptyTrash(),
  copyFile: () => api.copyFile('f', 'x', 'p'),
  permissions: () => api.permissions('f'),
  share: () => api.share('f', { account_id: 'a' }, 'editor'),
  changePermission: () => api.changePermission('f', 'p', 'viewer'),
  removePermission: () => api.removePermission('f', 'p'),
  revisions: () => api.revisions('f', 't'),
  saveRevision: () => api.saveRevision('f', { name: 'x', pinned: true }),
  changeRevision: () => api.changeRevision('f', 'r', { name: null, pinned: false }),
  revisionDiff: () => api.revisionDiff('f', 'r', 'previous'),
  fileDiff: () => api.fileDiff('f', { against: 'g', revision: 'r', againstRevision: 's' }),
  restoreRevision: () => api.restoreRevision('f', 'r'),
  images: () => api.images(),
  runtimes: () => api.runtimes(),
  endRuntime: () => api.endRuntime('r'),
  keepRuntime: () => api.keepRuntime('r'),
  interruptKernel: () => api.interruptKernel('r', 'k'),
  restartKernel: () => api.restartKernel('r', 'k'),
  resetRuntimes: () => api.resetRuntimes(),
  runtimeHistory: () => api.runtimeHistory('t'),
  allRuntimes: () => api.allRuntimes(),
  endAnyRuntime: () => api.endAnyRuntime('r'),
};

test.each(Object.entries(calls))(
  '%s asks for a route that the server describes, with keys that it takes',
  async (_, call) => {
    const fetch = vi.fn(async (_url: string, _init: RequestInit) => new Response('{}'));
    vi.stubGlobal('fetch', fetch);
    await call();
    const [url = '', init] = fetch.mock.calls[0] ?? [];
    const found = route(init?.method ?? '', url.split('?')[0] ?? '');
    expect(found, `${init?.method} ${url}`).toBeTruthy();
    const reference = found ? found.requestBody?.content['application/json']?.schema.$ref : undefined;
    const schema = described.components.schemas[reference?.split('/').at(-1) ?? ''];
    const sent = Object.keys(JSON.parse(typeof init?.body === 'string' ? init.body : '{}') as object);
    expect(Object.keys(schema?.properties ?? {})).toEqual(expect.arrayContaining(sent));
    expect(sent).toEqual(expect.arrayContaining(schema?.required ?? []));
  },
);

test('every verb is held against the description', () => {
  const addresses = new Set(['downloadUrl', 'blobUrl', 'revisionUrl', 'zipUrl']);
  // What a server need not have: the page does without.
  addresses.add('about');
  expect(Object.keys(calls).toSorted()).toEqual(
    Object.keys(api)
      .filter((name) => !addresses.has(name))
      .toSorted(),
  );
});
