import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { api } from './client';
import { datasets } from './datasets';
import { secrets } from './secrets';
import { groups, notices, sharing } from './sharing';

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
  mountGrants: () => api.mountGrants(),
  revokeMountGrant: () => api.revokeMountGrant('f'),
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
  about: () => api.about(),
  startUpload: () => api.startUpload('x', 'root', 3),
  upload: () => api.upload('u'),
  uploads: () => api.uploads(),
  completeUpload: () => api.completeUpload('u'),
  cancelUpload: () => api.cancelUpload('u'),
  copyFile: () => api.copyFile('f', 'x', 'p'),
  permissions: () => api.permissions('f'),
  revisions: () => api.revisions('f', 't'),
  saveRevision: () => api.saveRevision('f', { name: 'x', pinned: true }),
  changeRevision: () => api.changeRevision('f', 'r', { name: null, pinned: false }),
  revisionDiff: () => api.revisionDiff('f', 'r', 'previous'),
  fileDiff: () => api.fileDiff('f', { against: 'g', revision: 'r', againstRevision: 's' }),
  stripOutputs: () => api.stripOutputs('f', 0),
  openPlayground: () => api.openPlayground('f'),
  playground: () => api.playground('f'),
  refreshPlayground: () => api.refreshPlayground('f'),
  restoreRevision: () => api.restoreRevision('f', 'r'),
  comments: () => api.comments('f', 't'),
  addComment: () => api.addComment('f', { content: 'c', quote: '', cell_id: 'a' }, 'k'),
  changeComment: () => api.changeComment('f', 'c', 'text'),
  deleteComment: () => api.deleteComment('f', 'c'),
  addReply: () => api.addReply('f', 'c', 'text', 'k'),
  settleComment: () => api.settleComment('f', 'c', 'resolve'),
  changeReply: () => api.changeReply('f', 'c', 'r', 'text'),
  deleteReply: () => api.deleteReply('f', 'c', 'r'),
  mentionable: () => api.mentionable('f', 'q'),
  images: () => api.images(),
  runtimes: () => api.runtimes(),
  endRuntime: () => api.endRuntime('r'),
  keepRuntime: () => api.keepRuntime('r'),
  interruptKernel: () => api.interruptKernel('r', 'k'),
  restartKernel: () => api.restartKernel('r', 'k'),
  resetRuntimes: () => api.resetRuntimes(),
  runtimeHistory: () => api.runtimeHistory('t'),
  ports: () => api.ports('r'),
  openPort: () => api.openPort('r', 8501, { path: '/', fallback: true }),
  allRuntimes: () => api.allRuntimes(),
  endAnyRuntime: () => api.endAnyRuntime('r'),
};

const told = { notify: true, message: 'm' };
const more: Record<string, () => unknown> = {
  'sharing.state': () => sharing.state('f'),
  'sharing.give': () => sharing.give('f', { email: 'a@b.c' }, 'editor', told),
  'sharing.change': () => sharing.change('f', 'p', { role: 'viewer', expires_at: null }),
  'sharing.remove': () => sharing.remove('f', 'p'),
  'sharing.setGeneral': () => sharing.setGeneral('f', 'domain', 'viewer'),
  'sharing.setEditorsShare': () => sharing.setEditorsShare('f', false),
  'sharing.ask': () => sharing.ask('f', 'viewer', 'm'),
  'sharing.requests': () => sharing.requests('f'),
  'sharing.decide': () => sharing.decide('f', 'r', null),
  'groups.find': () => groups.find('a'),
  'groups.get': () => groups.get('g'),
  'groups.make': () => groups.make('a'),
  'groups.rename': () => groups.rename('g', 'a'),
  'groups.remove': () => groups.remove('g'),
  'groups.putMember': () => groups.putMember('g', 'a', true),
  'groups.removeMember': () => groups.removeMember('g', 'a'),
  'datasets.all': () => datasets.all(),
  'datasets.fetch': () => datasets.fetch('d'),
  'secrets.all': () => secrets.all(),
  'secrets.put': () => secrets.put('s', 'v'),
  'secrets.rename': () => secrets.rename('s', 'r'),
  'secrets.remove': () => secrets.remove('s'),
  'secrets.reveal': () => secrets.reveal('s'),
  'secrets.take': () => secrets.take('s', 'f'),
  'secrets.grant': () => secrets.grant('f', 's'),
  'secrets.revoke': () => secrets.revoke('f', 's'),
  'notices.page': () => notices.page('t'),
  'notices.read': () => notices.read(['n']),
  'notices.letters': () => notices.letters(),
  'notices.wantLetters': () => notices.wantLetters(false),
};

test.each(Object.entries({ ...calls, ...more }))(
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
  const addresses = new Set(['downloadUrl', 'blobUrl', 'revisionUrl', 'zipUrl', 'cleanUrl']);
  expect(Object.keys(calls).toSorted()).toEqual(
    Object.keys(api)
      .filter((name) => !addresses.has(name))
      .toSorted(),
  );
  const verbs = Object.entries({ datasets, secrets, sharing, groups, notices }).flatMap(([part, of]) =>
    Object.keys(of).map((name) => `${part}.${name}`),
  );
  expect(Object.keys(more).toSorted()).toEqual(verbs.toSorted());
});
