/** Notebooks in and out: imports by address, GitHub, gists, other formats. */
import { address, errorFrom, ApiError, request } from './request';
import type { components } from './schema.gen';
import type { File } from './types';

type Schemas = components['schemas'];

/** A notebook that was fetched; it is no file until it is imported. */
export type FoundNotebook = Schemas['FoundAnswer'];
export type FileSource = Schemas['FileSource'];
export type GitHubAccount = Schemas['GitHubAccount'];
export type Repository = Schemas['Repository'];
export type Branches = Schemas['Branches'];
export type Published = Schemas['Published'];
export type ToGitHub = Schemas['ToGitHubBody'];
export type ToGist = Schemas['ToGistBody'];
export type ExportFormat = 'ipynb' | 'html' | 'pdf' | 'md' | 'py' | 'py-light';

export interface ExportOptions {
  format: ExportFormat;
  code: boolean;
  outputs: boolean;
}

const id = encodeURIComponent;
const listing = <T>(path: string, query: Record<string, string>, signal?: AbortSignal) =>
  request<T>('GET', path, { query, ...(signal ? { signal } : {}) });

const exportPath = (file: string, { format, code, outputs }: ExportOptions, extra = {}) =>
  address(`/files/${id(file)}/export`, { format, code: String(code), outputs: String(outputs), ...extra });

/** The file's name in a Content-Disposition of this server. */
function nameIn(disposition: string | null): string {
  const name = /filename\*=UTF-8''([^;]+)/.exec(disposition ?? '')?.[1];
  return name ? decodeURIComponent(name) : 'notebook';
}

export const exchange = {
  find: (url: string, signal?: AbortSignal) =>
    request<FoundNotebook>('POST', '/imports', { json: { url }, ...(signal ? { signal } : {}) }),
  /** The page to read of what was found: for a frame, nothing in it runs. */
  foundPage: (found: string) => address(`/imports/${id(found)}/page`),
  take: (found: string, parentId = 'root') =>
    request<File>('POST', `/imports/${id(found)}`, { json: { parent_id: parentId } }),
  textAsNotebook: (file: string) => request<File>('POST', `/files/${id(file)}/notebook`),

  account: () => request<GitHubAccount>('GET', '/github/account'),
  connect: (token: string) => request<GitHubAccount>('PUT', '/github/account', { json: { token } }),
  disconnect: () => request<void>('DELETE', '/github/account'),
  repositories: (owner: string, signal?: AbortSignal) =>
    listing<Schemas['Repositories']>('/github/repositories', { owner }, signal),
  branches: (owner: string, repo: string, signal?: AbortSignal) =>
    listing<Branches>('/github/branches', { owner, repo }, signal),
  notebooks: (owner: string, repo: string, ref: string, signal?: AbortSignal) =>
    listing<Schemas['Notebooks']>('/github/notebooks', { owner, repo, ref }, signal),

  source: (file: string) => request<FileSource>('GET', `/files/${id(file)}/source`),
  toGitHub: (file: string, to: ToGitHub) => request<Published>('POST', `/files/${id(file)}/github`, { json: to }),
  toGist: (file: string, to: ToGist) => request<Published>('POST', `/files/${id(file)}/gist`, { json: to }),

  /** The notebook as a page of this origin in which nothing runs, for printing. */
  printPage: (file: string) => exportPath(file, { format: 'html', code: true, outputs: true }, { inline: 'true' }),
  /** The notebook in another format; ending `signal` ends the work on the server. */
  async export(file: string, options: ExportOptions, signal: AbortSignal): Promise<{ blob: Blob; name: string }> {
    let response: Response;
    try {
      response = await fetch(exportPath(file, options), { credentials: 'same-origin', signal });
      if (response.ok)
        return { blob: await response.blob(), name: nameIn(response.headers.get('content-disposition')) };
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      throw new ApiError(0, 'offline', 'The server cannot be reached.');
    }
    throw errorFrom(response.status, await response.text());
  },
};
