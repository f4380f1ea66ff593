/** Sharing, groups and notices: the verbs of the REST API about people, one function each. */
import { request } from './request';
import type { components } from './schema.gen';
import type { GivenRole, Permission, Role } from './types';

type Schemas = components['schemas'];

export type Sharing = Schemas['PermissionList'];
export type AccessRequest = Schemas['AccessRequestAnswer'];
export type Reach = Schemas['GeneralBody']['reach'];
export type Group = Schemas['GroupAnswer'];
export type GroupWithMembers = Schemas['GroupWithMembers'];
export type Notice = Schemas['NoticeAnswer'];
export type NoticePage = Schemas['NoticeList'];
export type Letters = Schemas['Letters'];

/** Whom something is given to: one of the three. */
export type Recipient = { account_id: string } | { group_id: string } | { email: string };

export interface ShareOptions {
  notify: boolean;
  message: string;
}

const id = encodeURIComponent;
const file = (it: string) => `/files/${id(it)}`;

export const sharing = {
  /** Everybody's rights on a file, and what its owner says about sharing. */
  state: (of: string, signal?: AbortSignal) =>
    request<Sharing>('GET', `${file(of)}/permissions`, signal ? { signal } : {}),
  give: (of: string, to: Recipient, role: GivenRole, options: ShareOptions) =>
    request<Permission>('POST', `${file(of)}/permissions`, { json: { ...to, role, ...options } }),
  change: (of: string, permission: string, change: { role?: Role; expires_at?: string | null }) =>
    request<Permission>('PATCH', `${file(of)}/permissions/${id(permission)}`, { json: change }),
  remove: (of: string, permission: string) => request<void>('DELETE', `${file(of)}/permissions/${id(permission)}`),
  setGeneral: (of: string, reach: Reach, role: GivenRole | null) =>
    request<Sharing>('PATCH', `${file(of)}/sharing`, { json: { general: { reach, role } } }),
  setEditorsShare: (of: string, allowed: boolean) =>
    request<Sharing>('PATCH', `${file(of)}/sharing`, { json: { editors_share: allowed } }),

  /** Asks for access; answers alike where there is no such file. */
  ask: (of: string, role: GivenRole, message: string) =>
    request<void>('POST', `${file(of)}/access-requests`, { json: { role, message } }),
  requests: async (of: string, signal?: AbortSignal) =>
    (await request<{ requests: AccessRequest[] }>('GET', `${file(of)}/access-requests`, signal ? { signal } : {}))
      .requests,
  /** Gives a role to who asked; null refuses. */
  decide: (of: string, wish: string, role: GivenRole | null) =>
    request<AccessRequest>('PATCH', `${file(of)}/access-requests/${id(wish)}`, { json: { role } }),
};

export const groups = {
  find: async (q: string, signal?: AbortSignal) =>
    (await request<{ groups: Group[] }>('GET', '/groups', { query: { q }, ...(signal ? { signal } : {}) })).groups,
  get: (group: string) => request<GroupWithMembers>('GET', `/groups/${id(group)}`),
  make: (name: string) => request<Group>('POST', '/groups', { json: { name } }),
  rename: (group: string, name: string) => request<Group>('PATCH', `/groups/${id(group)}`, { json: { name } }),
  remove: (group: string) => request<void>('DELETE', `/groups/${id(group)}`),
  putMember: (group: string, account: string, manager: boolean) =>
    request<GroupWithMembers>('PUT', `/groups/${id(group)}/members/${id(account)}`, { json: { is_manager: manager } }),
  removeMember: (group: string, account: string) =>
    request<void>('DELETE', `/groups/${id(group)}/members/${id(account)}`),
};

export const notices = {
  page: (pageToken?: string, signal?: AbortSignal) =>
    request<NoticePage>('GET', '/notifications', {
      query: { pageToken },
      ...(signal ? { signal } : {}),
    }),
  /** Marks notices as read, all without ids; returns how many are unread then. */
  read: async (ids?: string[]) =>
    (await request<{ unread: number }>('POST', '/notifications/read', { json: { ids: ids ?? null } })).unread,
  letters: () => request<Letters>('GET', '/me/letters'),
  wantLetters: (wanted: boolean) => request<Letters>('PUT', '/me/letters', { json: { wanted } }),
};
