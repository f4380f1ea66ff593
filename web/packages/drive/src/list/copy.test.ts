import { beforeEach, expect, test, vi } from 'vitest';
import { type File, api } from '@labora/api';
import { copyFiles } from './copy';

/** What the server has: folders and files by their parents. */
let files: File[] = [];

function make(kind: string, name: string, parent: string): File {
  const file = { id: `${name}-${files.length}`, kind, name, parent_id: parent, target: null } as unknown as File;
  files.push(file);
  return file;
}

const names = (parent: string): string[] => files.filter((file) => file.parent_id === parent).map((file) => file.name);

beforeEach(() => {
  files = [];
  vi.spyOn(api, 'files').mockImplementation(
    async ({ folder }) => ({ files: files.filter((file) => file.parent_id === folder), nextPageToken: null }) as never,
  );
  vi.spyOn(api, 'createFile').mockImplementation(async (kind, name, parent) => {
    if (files.length > 100) throw new Error('it does not end');
    return make(kind, name, parent ?? 'root');
  });
  vi.spyOn(api, 'copyFile').mockImplementation(async (_id, name, parent) => make('file', name, parent ?? 'root'));
});

test('a folder that is pasted into its own subfolder is copied once', async () => {
  const outer = make('folder', 'outer', 'root');
  const inner = make('folder', 'inner', outer.id);
  make('file', 'note', inner.id);
  const made: File[] = [];
  const failures = await copyFiles([outer], inner, made, new AbortController().signal);
  expect(failures).toEqual([]);
  const [copy] = made;
  expect(names(inner.id)).toEqual(['note', 'outer']);
  expect(names(copy?.id ?? '')).toEqual(['inner']);
  const inside = files.find((file) => file.parent_id === copy?.id);
  expect(names(inside?.id ?? '')).toEqual(['note']);
});

test('what was pasted a step before is not copied with the folder that it lies in', async () => {
  const folder = make('folder', 'folder', 'root');
  const note = make('file', 'note', 'root');
  const made: File[] = [];
  const { signal } = new AbortController();
  await copyFiles([note], folder, made, signal);
  await copyFiles([folder], folder, made, signal);
  expect(made.map((file) => file.name)).toEqual(['note', 'folder']);
  expect(names(made[1]?.id ?? '')).toEqual([]);
});

test('the text says what a broken shortcut is', async () => {
  const broken = make('shortcut', 'way', 'root');
  const folder = make('folder', 'folder', 'root');
  await expect(copyFiles([broken], folder, [], new AbortController().signal)).rejects.toMatchObject({
    code: 'broken_shortcut',
  });
});

test('a folder that is stopped half way can be taken back', async () => {
  const folder = make('folder', 'folder', 'root');
  make('file', 'note', folder.id);
  const control = new AbortController();
  vi.spyOn(api, 'files').mockImplementation(async () => {
    control.abort();
    return { files: [folder], nextPageToken: null } as never;
  });
  const made: File[] = [];
  await expect(copyFiles([folder], { id: 'root' }, made, control.signal)).rejects.toThrow();
  expect(made).toHaveLength(1);
});
