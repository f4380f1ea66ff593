/** A folder that was chosen in the browser's dialog: its files with their paths. */
import { api } from '@labora/api';
import { filesChanged } from './list/changes';
import { addFiles } from './upload/queue';

/** Makes the folders first, then queues each file into its own. Rejects when a folder cannot be made. */
export async function addTree(files: File[], parent: string): Promise<void> {
  const made = new Map<string, string>([['', parent]]);
  async function folderOf(path: string): Promise<string> {
    const known = made.get(path);
    if (known !== undefined) return known;
    const cut = path.lastIndexOf('/');
    const above = await folderOf(cut < 0 ? '' : path.slice(0, cut));
    const { id } = await api.createFile('folder', path.slice(cut + 1), above);
    made.set(path, id);
    return id;
  }
  for (const file of files) {
    const cut = file.webkitRelativePath.lastIndexOf('/');
    addFiles([file], await folderOf(cut < 0 ? '' : file.webkitRelativePath.slice(0, cut)));
  }
  filesChanged();
}
