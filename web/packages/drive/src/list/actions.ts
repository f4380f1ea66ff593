/** What can be done with files, each with its message and its undo. Menus, keys and buttons all come here. */
import { type File, api, exchange } from '@labora/api';
import { confirm, copyText, errorText, navigate, prompt, t, toast } from '@labora/ui';
import { filesChanged } from './useListing';

const failed = (error: unknown) => toast({ kind: 'error', message: errorText(error) });

/** Runs a change on each file; tells once what failed. True when all went well. */
async function each(files: File[], change: (file: File) => Promise<unknown>): Promise<boolean> {
  const results = await Promise.allSettled(files.map(change));
  filesChanged();
  const broken = results.find((result) => result.status === 'rejected');
  if (broken?.status === 'rejected') failed(broken.reason);
  return !broken;
}

/** Names one file or counts several: fills the plural messages `key` (`{name}`, `{count}`). */
const told = (key: string, files: File[]): string => t(key, { count: files.length, name: files[0]?.name ?? '' });

/** Makes a notebook of a script or Markdown file, and opens it. */
export async function openAsNotebook(file: File): Promise<void> {
  try {
    navigate(`/drive/${(await exchange.textAsNotebook(file.id)).id}`);
  } catch (error) {
    failed(error);
  }
}

export async function trash(files: File[]): Promise<void> {
  if (!(await each(files, (file) => api.changeFile(file.id, { trashed: true })))) return;
  toast({
    message: told('drive.toast.trashed', files),
    action: {
      label: t('ui.undo'),
      onSelect: () => void each(files, (file) => api.changeFile(file.id, { trashed: false })),
    },
  });
}

export async function restore(files: File[]): Promise<void> {
  if (await each(files, (file) => api.changeFile(file.id, { trashed: false }))) {
    toast({ kind: 'ok', message: told('drive.toast.restored', files) });
  }
}

export async function deleteForEver(files: File[]): Promise<void> {
  const agreed = await confirm({
    title: told('drive.confirm.deleteTitle', files),
    message: t('drive.confirm.deleteMessage'),
    action: t('drive.action.deleteForEver'),
    danger: true,
  });
  if (agreed && (await each(files, (file) => api.deleteFile(file.id))))
    toast({ message: told('drive.toast.deleted', files) });
}

export async function emptyTrash(): Promise<void> {
  const agreed = await confirm({
    title: t('drive.confirm.emptyTitle'),
    message: t('drive.confirm.deleteMessage'),
    action: t('drive.action.emptyTrash'),
    danger: true,
  });
  if (!agreed) return;
  await api.emptyTrash().catch(failed);
  filesChanged();
}

export async function rename(file: File, name: string): Promise<File | null> {
  try {
    return await api.changeFile(file.id, { name }, file.version);
  } catch (error) {
    failed(error);
    return null;
  } finally {
    filesChanged();
  }
}

/** Moves files into a folder; the toast offers to put each back where it was. */
export async function move(files: File[], folder: { id: string; name: string }): Promise<void> {
  if (!(await each(files, (file) => api.changeFile(file.id, { parent_id: folder.id })))) return;
  const back = files.filter((file) => file.parent_id !== null);
  toast({
    message: t('drive.toast.moved', { count: files.length, name: files[0]?.name ?? '', folder: folder.name }),
    ...(back.length === files.length
      ? {
          action: {
            label: t('ui.undo'),
            onSelect: () => void each(back, (file) => api.changeFile(file.id, { parent_id: file.parent_id ?? 'root' })),
          },
        }
      : {}),
  });
}

export async function makeCopy(file: File): Promise<void> {
  try {
    await api.copyFile(file.id, t('drive.copyOf', { name: file.name }));
    toast({ kind: 'ok', message: t('drive.toast.copied', { name: file.name }) });
    filesChanged();
  } catch (error) {
    failed(error);
  }
}

export async function star(file: File): Promise<void> {
  await each([file], () => api.changeFile(file.id, { starred: !file.starred }));
}

/** Downloads through a link, so that the browser shows progress and keeps the name. */
export function download(files: File[]): void {
  for (const file of files) {
    const link = document.createElement('a');
    link.href = api.downloadUrl(file.id);
    link.download = file.name;
    document.body.append(link);
    link.click();
    link.remove();
  }
}

export const linkTo = (file: File): string => (file.kind === 'folder' ? `/folders/${file.id}` : `/drive/${file.id}`);

export async function copyLink(file: File): Promise<void> {
  const done = await copyText(new URL(linkTo(file), location.href).href);
  toast(
    done
      ? { kind: 'ok', message: t('drive.toast.linkCopied') }
      : { kind: 'error', message: t('drive.toast.linkNotCopied') },
  );
}

export async function createFolder(parent: string): Promise<File | null> {
  const name = await prompt({
    title: t('drive.newFolder.title'),
    label: t('drive.newFolder.label'),
    value: t('drive.newFolder.value'),
    action: t('drive.newFolder.action'),
  });
  if (name === null) return null;
  try {
    const folder = await api.createFile('folder', name, parent);
    filesChanged();
    return folder;
  } catch (error) {
    failed(error);
    return null;
  }
}

export async function createNotebook(parent: string): Promise<File | null> {
  try {
    return await api.createFile('notebook', t('drive.newNotebook'), parent);
  } catch (error) {
    failed(error);
    return null;
  }
}
