/** The verbs of the REST API, one function each. */
import { address, request } from './request';
import type {
  About,
  Account,
  AccountForOwner,
  AllRuntimes,
  ApiToken,
  BatchChange,
  BatchResult,
  Comment,
  CommentPage,
  File,
  FileChange,
  FileDiffQuery,
  FilePage,
  FolderContents,
  Image,
  Instance,
  Invitation,
  InvitationPage,
  ListQuery,
  Mentionable,
  MountGrant,
  NewApiToken,
  NewComment,
  NewInvitation,
  NotebookDiff,
  OneTimeLink,
  Permission,
  PersonWithLogin,
  Playground,
  Port,
  PortAddress,
  Revision,
  RevisionChange,
  RevisionPage,
  Runtime,
  RuntimeHistory,
  SearchPage,
  SearchQuery,
  Stripped,
  TokenScope,
  UploadState,
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
  mountGrants: () => list(get<MountGrant[]>('/mount-grants')),
  revokeMountGrant: (file: string) => request<void>('DELETE', `/mount-grants/${id(file)}`),

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
  /** Renames, moves, stars, puts into the trash and back. With `version` it fails when someone was faster. */
  changeFile: (file: string, change: FileChange, version?: number) =>
    request<File>('PATCH', `/files/${id(file)}`, {
      json: change,
      headers: version === undefined ? {} : { 'If-Match': `"${version}"` },
    }),
  /** Deletes for ever; the file must be in the trash. */
  deleteFile: (file: string) => request<void>('DELETE', `/files/${id(file)}`),
  /** What the account stores and may store. */
  about: (signal?: AbortSignal) => get<About>('/drive/about', {}, signal),
  /** Begins a file that is sent in pieces. */
  startUpload: (name: string, parentId: string, size: number, signal?: AbortSignal) =>
    request<UploadState>('POST', '/uploads', {
      json: { name, parent_id: parentId, size },
      ...(signal ? { signal } : {}),
    }),
  upload: (upload: string, signal?: AbortSignal) => get<UploadState>(`/uploads/${id(upload)}`, {}, signal),
  /** The account's unfinished uploads, the newest first. */
  uploads: () => list(get<{ uploads: UploadState[] }>('/uploads')),
  /** Makes the file of an upload that has all its bytes; asked again it answers the same file. */
  completeUpload: (upload: string, signal?: AbortSignal) =>
    request<File>('POST', `/uploads/${id(upload)}/complete`, signal ? { signal } : {}),
  cancelUpload: (upload: string) => request<void>('DELETE', `/uploads/${id(upload)}`),
  /** Several items, or a folder, as one zip file. */
  zipUrl: (files: string[]) =>
    files.length === 1 && files[0] ? address(`/files/${id(files[0])}/zip`) : address('/zip', { ids: files.join(',') }),
  /** Deletes all that is in the asker's trash. */
  emptyTrash: () => request<void>('DELETE', '/trash'),
  /** The folders above, the highest first, as far as the asker may read them. */
  ancestors: (file: string, signal?: AbortSignal) =>
    list(get<{ files: File[] }>(`/files/${id(file)}/ancestors`, {}, signal)),
  copyFile: (file: string, name: string, parentId?: string) =>
    post<File>(`/files/${id(file)}/copy`, { name, ...(parentId === undefined ? {} : { parent_id: parentId }) }),
  downloadUrl: (file: string) => address(`/files/${id(file)}/download`),
  blobUrl: (file: string, sha256: string, mediaType: string) =>
    address(`/files/${id(file)}/blobs/${sha256}`, { type: mediaType }),

  permissions: (file: string) => list(get<Permission[]>(`/files/${id(file)}/permissions`)),

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
  /** Takes outputs out of revisions above number `after`, for about a second; for good. */
  stripOutputs: (file: string, after: number) =>
    request<Stripped>('POST', `/files/${id(file)}/revisions/strip-outputs`, { query: { after } }),
  /** Where a notebook without what its metadata tells about people is fetched. */
  cleanUrl: (file: string) => address(`/files/${id(file)}/clean`),
  /** The asker's own playground of a notebook: made now, or with what the notebook got since merged in. */
  openPlayground: (file: string) => post<File>(`/files/${id(file)}/playground`),
  playground: (file: string, signal?: AbortSignal) => get<Playground>(`/files/${id(file)}/playground`, {}, signal),
  refreshPlayground: (playground: string) => post<{ changed: boolean }>(`/files/${id(playground)}/playground/refresh`),
  restoreRevision: (file: string, revision: string) =>
    post<Revision>(`/files/${id(file)}/revisions/${id(revision)}/restore`),

  /** One page of a file's comments with their replies, oldest first. */
  comments: (file: string, pageToken?: string, signal?: AbortSignal) =>
    get<CommentPage>(`/files/${id(file)}/comments`, { pageSize: 1000, ...(pageToken ? { pageToken } : {}) }, signal),
  /** Sent again with the same `key` it is made once. */
  addComment: (file: string, comment: NewComment, key: string) =>
    post<Comment>(`/files/${id(file)}/comments`, comment, { 'Idempotency-Key': key }),
  changeComment: (file: string, comment: string, content: string) =>
    request<Comment>('PATCH', `/files/${id(file)}/comments/${id(comment)}`, { json: { content } }),
  deleteComment: (file: string, comment: string) =>
    request<void>('DELETE', `/files/${id(file)}/comments/${id(comment)}`),
  addReply: (file: string, comment: string, content: string, key: string) =>
    post<Comment>(`/files/${id(file)}/comments/${id(comment)}/replies`, { content }, { 'Idempotency-Key': key }),
  settleComment: (file: string, comment: string, action: 'resolve' | 'reopen') =>
    post<Comment>(`/files/${id(file)}/comments/${id(comment)}/replies`, { action }),
  changeReply: (file: string, comment: string, reply: string, content: string) =>
    request<Comment>('PATCH', `/files/${id(file)}/comments/${id(comment)}/replies/${id(reply)}`, { json: { content } }),
  deleteReply: (file: string, comment: string, reply: string) =>
    request<void>('DELETE', `/files/${id(file)}/comments/${id(comment)}/replies/${id(reply)}`),
  mentionable: (file: string, q: string, signal?: AbortSignal) =>
    list(get<Mentionable[]>(`/files/${id(file)}/comments/people`, { q }, signal)),

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
  /** The ports on which programs of a runtime listen. */
  ports: (runtime: string, signal?: AbortSignal) => list(get<Port[]>(`/runtimes/${id(runtime)}/ports`, {}, signal)),
  /** Where a web app of a runtime is found; `fallback` where names of localhost do not resolve. */
  openPort: (runtime: string, port: number, how: { path?: string; fallback?: boolean } = {}) =>
    post<PortAddress>(`/runtimes/${id(runtime)}/ports/${port}`, how),
  allRuntimes: () => get<AllRuntimes>('/instance/runtimes'),
  endAnyRuntime: (runtime: string) => request<void>('DELETE', `/instance/runtimes/${id(runtime)}`),
};
