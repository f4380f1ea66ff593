/** The verbs of the REST API, one function each. */
import { address, request } from './request';
import type {
  Account,
  AccountForOwner,
  AllRuntimes,
  ApiToken,
  BatchChange,
  BatchResult,
  About,
  File,
  FileChange,
  FileDiffQuery,
  FilePage,
  FolderContents,
  Image,
  Instance,
  GivenRole,
  Invitation,
  InvitationPage,
  ListQuery,
  NewApiToken,
  NewInvitation,
  NotebookDiff,
  OneTimeLink,
  Permission,
  PersonWithLogin,
  Revision,
  RevisionChange,
  RevisionPage,
  Role,
  Runtime,
  RuntimeHistory,
  SearchPage,
  SearchQuery,
  TokenScope,
} from './types';

const get = <T>(path: string, query = {}, signal?: AbortSignal) =>
  request<T>('GET', path, { query, ...(signal ? { signal } : {}) });
const post = <T>(path: string, json: unknown = {}, headers = {}) => request<T>('POST', path, { json, headers });
const id = encodeURIComponent;

/** A list comes bare or, where the server pages or names it, as the one list of an object. */
async function list<T>(answer: Promise<T[] | Record<string, T[]>>): Promise<T[]> {
  const body = await answer;
  return Array.isArray(body) ? body : (Object.values(body).find((value) => Array.isArray(value)) ?? []);
}

interface Credentials {
  name: string;
  login: string;
  password: string;
}

export const api = {
  instance: () => get<Instance>('/instance'),
  setup: (token: string, owner: Credentials) => post<Account>('/setup', { token, ...owner }),
  login: (login: string, password: string) => post<Account>('/login', { login, password }),
  logout: () => post<void>('/logout'),
  logoutEverywhere: () => post<void>('/logout-everywhere'),

  me: () => get<Account>('/me'),
  rename: (name: string) => request<Account>('PATCH', '/me', { json: { name } }),
  changePassword: (old: string, password: string) => post<void>('/me/password', { old, new: password }),
  tokens: () => list(get<ApiToken[]>('/me/tokens')),
  createToken: (label: string, scopes: TokenScope[], expiresDays: number | null) =>
    post<NewApiToken>('/me/tokens', { label, scopes, expires_days: expiresDays }),
  deleteToken: (token: string) => request<void>('DELETE', `/me/tokens/${id(token)}`),

  invitations: () => list(get<Invitation[]>('/invitations')),
  invite: (label: string) => post<NewInvitation>('/invitations', { label }),
  deleteInvitation: (invitation: string) => request<void>('DELETE', `/invitations/${id(invitation)}`),
  /** What an invitation link is for; `secret` is the link's fragment. */
  invitation: (secret: string) =>
    request<InvitationPage>('GET', '/invitation', { headers: { 'X-Labora-Link': secret } }),
  acceptInvitation: (secret: string, account: Credentials) =>
    post<Account>('/invitation/accept', account, { 'X-Labora-Link': secret }),
  resetPassword: (secret: string, password: string) => post<void>('/reset', { password }, { 'X-Labora-Link': secret }),

  accounts: () => list(get<AccountForOwner[]>('/accounts')),
  resetLink: (account: string) => post<OneTimeLink>(`/accounts/${id(account)}/reset-link`),
  setDisabled: (account: string, disabled: boolean) =>
    request<AccountForOwner>('PATCH', `/accounts/${id(account)}`, { json: { disabled } }),
  people: (q: string, signal?: AbortSignal) => list(get<PersonWithLogin[]>('/people', { q }, signal)),

  files: (query: ListQuery, signal?: AbortSignal) => get<FilePage>('/files', query, signal),
  /** How many items the same list has in all its pages. */
  countFiles: ({ view, folder, name, q }: ListQuery, signal?: AbortSignal) =>
    get<{ count: number }>('/files/count', { view, folder, name, q }, signal).then(({ count }) => count),
  search: (query: SearchQuery, signal?: AbortSignal) => get<SearchPage>('/search', query, signal),
  file: (file: string, signal?: AbortSignal) => get<File>(`/files/${id(file)}`, {}, signal),
  createFile: (kind: 'folder' | 'notebook', name: string, parentId: string) =>
    post<File>('/files', { kind, name, parent_id: parentId }),
  createShortcut: (target: string, parentId: string, name?: string) =>
    post<File>('/files', {
      kind: 'shortcut',
      target_id: target,
      parent_id: parentId,
      ...(name === undefined ? {} : { name }),
    }),
  /** Changes at most 200 files, each by itself; the answers are in the order of the ids. */
  changeFiles: (ids: string[], change: BatchChange, signal?: AbortSignal) =>
    request<{ results: BatchResult[] }>('POST', '/files/batch', {
      json: { ids, ...change },
      ...(signal ? { signal } : {}),
    }).then(({ results }) => results),
  contents: (file: string, signal?: AbortSignal) => get<FolderContents>(`/files/${id(file)}/contents`, {}, signal),
  about: (signal?: AbortSignal) => get<About>('/drive/about', {}, signal),
  /** Renames, moves, stars, puts into the trash and back. With `version` it fails when someone was faster. */
  changeFile: (file: string, change: FileChange, version?: number) =>
    request<File>('PATCH', `/files/${id(file)}`, {
      json: change,
      headers: version === undefined ? {} : { 'If-Match': `"${version}"` },
    }),
  /** Deletes for ever; the file must be in the trash. */
  deleteFile: (file: string) => request<void>('DELETE', `/files/${id(file)}`),
  /** Deletes all that is in the asker's trash. */
  emptyTrash: () => request<void>('DELETE', '/trash'),
  /** The folders above, the highest first, as far as the asker may read them. */
  ancestors: (file: string, signal?: AbortSignal) =>
    list(get<{ files: File[] }>(`/files/${id(file)}/ancestors`, {}, signal)),
  copyFile: (file: string, name: string, parentId?: string) =>
    post<File>(`/files/${id(file)}/copy`, { name, ...(parentId === undefined ? {} : { parent_id: parentId }) }),
  downloadUrl: (file: string) => address(`/files/${id(file)}/download`),
  /** Several files, or a folder with what is in it, as one archive. */
  zipUrl: (files: string[]) =>
    files.length === 1 ? address(`/files/${id(files[0] ?? '')}/zip`) : address('/zip', { ids: files.join(',') }),
  blobUrl: (file: string, sha256: string, mediaType: string) =>
    address(`/files/${id(file)}/blobs/${sha256}`, { type: mediaType }),

  permissions: (file: string) => list(get<Permission[]>(`/files/${id(file)}/permissions`)),
  share: (file: string, person: { account_id: string } | { login: string }, role: GivenRole) =>
    post<Permission>(`/files/${id(file)}/permissions`, { ...person, role }),
  changePermission: (file: string, permission: string, role: Role) =>
    request<Permission>('PATCH', `/files/${id(file)}/permissions/${id(permission)}`, { json: { role } }),
  removePermission: (file: string, permission: string) =>
    request<void>('DELETE', `/files/${id(file)}/permissions/${id(permission)}`),

  /** One page of a file's revisions, newest first. */
  revisions: (file: string, pageToken?: string, signal?: AbortSignal) =>
    get<RevisionPage>(`/files/${id(file)}/revisions`, pageToken ? { pageToken } : {}, signal),
  /** Keeps the present state with a name, a pin or both. */
  saveRevision: (file: string, kept: RevisionChange) => post<Revision>(`/files/${id(file)}/revisions`, kept),
  changeRevision: (file: string, revision: string, change: RevisionChange) =>
    request<Revision>('PATCH', `/files/${id(file)}/revisions/${id(revision)}`, { json: change }),
  /** How a notebook came from `against` to a revision; both may be `head`, and `against` `previous`. */
  revisionDiff: (file: string, revision: string, against: string, signal?: AbortSignal) =>
    get<NotebookDiff>(`/files/${id(file)}/revisions/${id(revision)}/diff`, { against }, signal),
  /** How a notebook differs from another one; without revisions by their present states. */
  fileDiff: (file: string, query: FileDiffQuery, signal?: AbortSignal) =>
    get<NotebookDiff>(`/files/${id(file)}/diff`, { ...query }, signal),
  revisionUrl: (file: string, revision: string) => address(`/files/${id(file)}/revisions/${id(revision)}/download`),
  restoreRevision: (file: string, revision: string) =>
    post<Revision>(`/files/${id(file)}/revisions/${id(revision)}/restore`),

  images: () => list(get<Image[]>('/images')),

  runtimes: () => list(get<Runtime[]>('/runtimes')),
  endRuntime: (runtime: string) => request<void>('DELETE', `/runtimes/${id(runtime)}`),
  /** Puts the end of an idle runtime off; refused with `lifetime_fixed` when its longest lifetime is what ends it. */
  keepRuntime: (runtime: string) => post<Runtime>(`/runtimes/${id(runtime)}/keep`),
  interruptKernel: (runtime: string, kernel: string) =>
    post<void>(`/runtimes/${id(runtime)}/kernels/${id(kernel)}/interrupt`),
  restartKernel: (runtime: string, kernel: string) =>
    post<void>(`/runtimes/${id(runtime)}/kernels/${id(kernel)}/restart`),
  /** Ends every runtime of the asker; refused with `reset_too_often` when it was done a short while ago. */
  resetRuntimes: () => post<void>('/runtimes/reset'),
  runtimeHistory: (pageToken?: string) => get<RuntimeHistory>('/runtimes/history', pageToken ? { pageToken } : {}),
  allRuntimes: () => get<AllRuntimes>('/instance/runtimes'),
  endAnyRuntime: (runtime: string) => request<void>('DELETE', `/instance/runtimes/${id(runtime)}`),
};
