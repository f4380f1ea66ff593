/** Secrets of the account: the verbs of the REST API, one function each. */
import { request } from './request';
import type { components } from './schema.gen';

type Schemas = components['schemas'];

export type Secret = Schemas['SecretAnswer'];

const id = encodeURIComponent;
const own = (name: string) => `/me/secrets/${id(name)}`;

export const secrets = {
  all: async () => (await request<Schemas['SecretList']>('GET', '/me/secrets')).secrets,
  put: (name: string, value: string) => request<Secret>('PUT', own(name), { json: { value } }),
  rename: (name: string, to: string) => request<Secret>('PATCH', own(name), { json: { name: to } }),
  remove: (name: string) => request<void>('DELETE', own(name)),
  reveal: async (name: string) => (await request<Schemas['SecretValue']>('POST', `${own(name)}/reveal`)).value,
  /** Takes it from a notebook, also from one that is out of reach. */
  take: (name: string, file: string) => request<void>('DELETE', `${own(name)}/notebooks/${id(file)}`),
  grant: (file: string, name: string) => request<void>('PUT', `/files/${id(file)}/secrets/${id(name)}`),
  revoke: (file: string, name: string) => request<void>('DELETE', `/files/${id(file)}/secrets/${id(name)}`),
};
