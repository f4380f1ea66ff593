/** Copies of files, and of folders with all that is in them. */
import { type File, api } from '@labora/api';
import { errorText, t } from '@labora/ui';
import type { Failure } from './jobs';

interface Way {
  folder: { id: string } | null;
  signal: AbortSignal;
  failures: Failure[];
}

async function copyOne(file: File, way: Way, inside: boolean): Promise<File> {
  const to = way.folder?.id ?? file.parent_id ?? 'root';
  const name =
    !inside && (way.folder === null || way.folder.id === file.parent_id)
      ? t('drive.copyOf', { name: file.name })
      : file.name;
  if (file.kind === 'shortcut') {
    if (!file.target) throw new Error(t('files.shortcut.broken', { name: file.name }));
    return api.createShortcut(file.target.id, to, name);
  }
  if (file.kind !== 'folder') return api.copyFile(file.id, name, to);
  const folder = await api.createFile('folder', name, to);
  await copyInside(file, { ...way, folder });
  return folder;
}

/** Copies what is in a folder. What cannot be copied is named, and the rest goes on. */
async function copyInside(from: File, way: Way): Promise<void> {
  let pageToken: string | undefined;
  do {
    const page = await api.files(
      { view: 'drive', folder: from.id, orderBy: 'folder,name', pageSize: 200, ...(pageToken ? { pageToken } : {}) },
      way.signal,
    );
    for (const file of page.files) {
      way.signal.throwIfAborted();
      // Pasted into itself, a folder would never end.
      if (file.id === way.folder?.id) continue;
      try {
        await copyOne(file, way, true);
      } catch (error) {
        if (way.signal.aborted) throw error;
        way.failures.push({ file, reason: errorText(error) });
      }
    }
    pageToken = page.nextPageToken ?? undefined;
  } while (pageToken);
}

/** Copies files into a folder (null: beside each original); `made` gets the copies. Answers what failed. */
export async function copyFiles(
  files: File[],
  folder: { id: string } | null,
  made: File[],
  signal: AbortSignal,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const file of files) made.push(await copyOne(file, { folder, signal, failures }, false));
  return failures;
}
