/** Copies of files, and of folders with all that is in them. */
import { type File, api } from '@labora/api';
import { errorText, t } from '@labora/ui';
import type { Failure } from './jobs';

interface Way {
  folder: { id: string } | null;
  signal: AbortSignal;
  failures: Failure[];
  /** The copies of what was asked for, without those inside of folders. */
  copies: File[];
  /** Ids of what this copying made: it is not copied again, else a folder pasted into its own subfolder never ends. */
  made: Set<string>;
}

/** What a shortcut stood for is gone. */
class BrokenShortcut extends Error {
  readonly code = 'broken_shortcut';
}

async function copyOne(file: File, way: Way, inside: boolean): Promise<void> {
  const keep = (copy: File) => {
    way.made.add(copy.id);
    if (!inside) way.copies.push(copy);
  };
  const to = way.folder?.id ?? file.parent_id ?? 'root';
  const name =
    !inside && (way.folder === null || way.folder.id === file.parent_id)
      ? t('drive.copyOf', { name: file.name })
      : file.name;
  if (file.kind === 'shortcut') {
    if (!file.target) throw new BrokenShortcut(t('files.shortcut.broken', { name: file.name }));
    return keep(await api.createShortcut(file.target.id, to, name));
  }
  if (file.kind !== 'folder') return keep(await api.copyFile(file.id, name, to));
  const folder = await api.createFile('folder', name, to);
  // At once: a copy that is stopped half way can be taken back too.
  keep(folder);
  await copyInside(file, { ...way, folder });
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
      if (way.made.has(file.id)) continue;
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

/**
 * Copies files into a folder (null: beside each original). Answers what failed.
 * @param made has the copies of the same paste until now, and gets these.
 */
export async function copyFiles(
  files: File[],
  folder: { id: string } | null,
  made: File[],
  signal: AbortSignal,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  const way = { folder, signal, failures, copies: made, made: new Set(made.map((file) => file.id)) };
  for (const file of files) {
    signal.throwIfAborted();
    await copyOne(file, way, false);
  }
  return failures;
}
