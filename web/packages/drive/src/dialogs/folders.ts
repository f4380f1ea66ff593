/** Folders of a folder, for what chooses one. */
import { type File, api } from '@labora/api';

export const FOLDERS = "mimeType = 'application/vnd.labora.folder'";

/** All folders in a folder, by name. */
export async function foldersIn(folder: string, signal: AbortSignal): Promise<File[]> {
  const found: File[] = [];
  let pageToken: string | undefined;
  do {
    const page = await api.files(
      { view: 'drive', folder, q: FOLDERS, orderBy: 'name', pageSize: 1000, ...(pageToken ? { pageToken } : {}) },
      signal,
    );
    found.push(...page.files);
    pageToken = page.nextPageToken ?? undefined;
  } while (pageToken);
  return found;
}
