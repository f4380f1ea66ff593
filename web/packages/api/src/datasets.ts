/** The catalogue of data sets: the verbs of the REST API, one function each. */
import { request } from './request';
import type { components } from './schema.gen';

type Schemas = components['schemas'];

export type Dataset = Schemas['DatasetAnswer'];
export type DatasetList = Schemas['DatasetList'];

export const datasets = {
  all: () => request<DatasetList>('GET', '/datasets'),
  fetch: (name: string) => request<Dataset>('POST', `/datasets/${encodeURIComponent(name)}/fetch`),
};
