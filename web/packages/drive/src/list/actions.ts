/** What can be done with files, each with its message and its undo. Menus, keys, buttons and drops all come here. */
import { type BatchChange, type File, api, exchange } from '@labora/api';
import { confirm, copyText, errorText, formatBytes, navigate, prompt, t, toast } from '@labora/ui';
import { filesChanged } from './changes';
import { copyFiles } from './copy';
import { type Failure, type Outcome, run } from './jobs';
import { showProblems } from './problems';

const failed = (error: unknown) => toast({ kind: 'error', message: errorText(error) });
/** How many things the server puts into one zip by their names. */
const MOST_ZIPPED = 500;
/** Few files a step show the progress of some hundred; a hundred thousand go faster in large steps. */
const stepOf = (count: number): number => Math.min(200, Math.max(25, Math.ceil(count / 40)));

/** Names one file or counts several: fills the plural messages `key` (`{name}`, `{count}`). */
const told = (key: string, files: readonly { name: string }[], more = {}): string =>
  t(key, { count: files.length, name: files[0]?.name ?? '', ...more });

/** Whether a notebook can be made of a file: scripts and Markdown files. */
export const opensAsNotebook = (file: File): boolean =>
  file.kind === 'file' && /\.(py|md|rmd|r|jl)$/i.test(file.name) && file.abilities.includes('download');

/** Makes a notebook of a script or Markdown file, and opens it. */
export async function openAsNotebook(file: File): Promise<void> {
  try {
    navigate(`/drive/${(await exchange.textAsNotebook(file.id)).id}`);
  } catch (error) {
    failed(error);
  }
}

/** Opens this person's private copy of a notebook to try things in. */
export async function openPlayground(file: File): Promise<void> {
  try {
    navigate(`/drive/${(await api.openPlayground(file.id)).id}`);
  } catch (error) {
    failed(error);
  }
}

/** One change of many files by the server, which tries each by itself. */
async function batch(title: string, files: File[], change: BatchChange): Promise<Outcome> {
  const outcome = await run(title, files, stepOf(files.length), async (some) => {
    const results = await api.changeFiles(
      some.map((file) => file.id),
      change,
    );
    return some.flatMap((file, at): Failure[] => {
      const error = results[at]?.error;
      return error ? [{ file, reason: errorText(error) }] : [];
    });
  });
  const stays = 'starred' in change;
  filesChanged(stays ? [] : outcome.done.map((file) => file.id));
  return outcome;
}

interface Report {
  /** Message for what went well, one or many; without one only failures are told. */
  done?: string;
  /** Title of the list of what did not. */
  problems: string;
  values?: Record<string, string>;
  /** What an undo takes back, if anything, and how. */
  undo?: [files: File[], take: (files: File[]) => void];
  again: (files: File[]) => void;
}

/** Tells how it went: what was done, with its undo, and what was not, with the reasons. */
function report({ done, failed: bad, stopped }: Outcome, { done: key, problems, values, undo, again }: Report): void {
  if (key && (done.length > 0 || stopped))
    toast({
      message: stopped
        ? t('files.jobs.stopped', { count: done.length, what: told(key, done, values) })
        : told(key, done, values),
      ...(undo?.[0].length ? { action: { label: t('ui.undo'), onSelect: () => undo[1](undo[0]) } } : {}),
    });
  const [first] = bad;
  if (!first) return;
  if (bad.length === 1 && done.length === 0) return void toast({ kind: 'error', message: first.reason });
  const title = t(problems, { count: bad.length });
  toast({
    kind: 'error',
    message: title,
    // The list is gone with the message.
    duration: 30_000,
    action: {
      label: t('files.problems.show'),
      onSelect: () => showProblems({ title, failures: bad, again: () => again(bad.map(({ file }) => file)) }),
    },
  });
}

/** Takes a change back by another. That it was done is seen; what could not be is told. */
async function takeBack(title: string, files: File[], change: BatchChange, problems: string): Promise<void> {
  const outcome = await batch(title, files, change);
  report(outcome, { problems, again: (rest) => void takeBack(title, rest, change, problems) });
}

const uncopy = (made: File[]): void =>
  void takeBack(t('files.jobs.trash'), made, { trashed: true }, 'files.problems.trash');

export async function trash(files: File[]): Promise<void> {
  const outcome = await batch(t('files.jobs.trash'), files, { trashed: true });
  report(outcome, {
    done: 'drive.toast.trashed',
    problems: 'files.problems.trash',
    undo: [outcome.done, (some) => void restore(some)],
    again: (rest) => void trash(rest),
  });
}

export async function restore(files: File[]): Promise<void> {
  const outcome = await batch(t('files.jobs.restore'), files, { trashed: false });
  report(outcome, {
    done: 'drive.toast.restored',
    problems: 'files.problems.restore',
    again: (rest) => void restore(rest),
  });
}

export async function deleteForEver(files: File[]): Promise<void> {
  const agreed = await confirm({
    title: told('drive.confirm.deleteTitle', files),
    message: t('drive.confirm.deleteMessage'),
    action: t('drive.action.deleteForEver'),
    danger: true,
  });
  if (agreed) await erase(files);
}

async function erase(files: File[]): Promise<void> {
  const outcome = await batch(t('files.jobs.delete'), files, { delete: true });
  report(outcome, {
    done: 'drive.toast.deleted',
    problems: 'files.problems.delete',
    again: (rest) => void erase(rest),
  });
}

/** Asks, telling what it frees, then deletes all that is in the trash. */
export async function emptyTrash(count: number): Promise<void> {
  const use = await api.about().catch(() => null);
  const freed = use?.usage.trash_bytes;
  const agreed = await confirm({
    title: t('drive.confirm.emptyTitle'),
    message: `${t('files.trash.holds', { count })} ${
      freed ? t('files.trash.frees', { size: formatBytes(freed) }) : ''
    } ${t('drive.confirm.deleteMessage')}`,
    action: t('drive.action.emptyTrash'),
    danger: true,
  });
  if (!agreed) return;
  try {
    await api.emptyTrash();
    toast({ message: t('files.trash.emptied') });
  } catch (error) {
    failed(error);
  } finally {
    filesChanged();
  }
}

export async function rename(file: File, name: string): Promise<File | null> {
  try {
    const saved = await api.changeFile(file.id, { name }, file.version);
    const back = () => void rename(saved, file.name);
    toast({
      message: t('files.renamed', { name: saved.name }),
      action: { label: t('ui.undo'), onSelect: back },
    });
    return saved;
  } catch (error) {
    failed(error);
    return null;
  } finally {
    filesChanged();
  }
}

export interface Folder {
  id: string;
  name: string;
}

/** Moves files into a folder; the toast offers to put each back where it was. */
export async function move(files: File[], folder: Folder): Promise<void> {
  const outcome = await batch(t('files.jobs.move'), files, { parent_id: folder.id });
  const back = async (moved: File[]): Promise<void> => {
    for (const [parent, some] of Map.groupBy(moved, (file) => file.parent_id))
      if (parent) await takeBack(t('files.jobs.move'), some, { parent_id: parent }, 'files.problems.move');
  };
  report(outcome, {
    done: 'drive.toast.moved',
    problems: 'files.problems.move',
    values: { folder: folder.name },
    ...(outcome.done.every((file) => file.parent_id !== null)
      ? { undo: [outcome.done, (some) => void back(some)] }
      : {}),
    again: (rest) => void move(rest, folder),
  });
}

/** Copies files, and folders with all that is in them; the copies keep the names, unless they lie beside the originals. */
export async function copyTo(files: File[], folder: Folder | null): Promise<void> {
  const made: File[] = [];
  const outcome = await run(
    t('files.jobs.copy'),
    files,
    1,
    (some, signal) => copyFiles(some, folder, made, signal),
    files.some((file) => file.kind === 'folder'),
  );
  filesChanged();
  report(outcome, {
    done: 'files.copied',
    problems: 'files.problems.copy',
    undo: [made, uncopy],
    again: (rest) => void copyTo(rest, folder),
  });
}

/** Stars all of them, or takes the star from all. */
export async function star(files: File[], on: boolean): Promise<void> {
  const outcome = await batch(t('files.jobs.star'), files, { starred: on });
  report(outcome, {
    done: on ? 'files.starred' : 'files.unstarred',
    problems: 'files.problems.star',
    undo: [outcome.done, (some) => void takeBack(t('files.jobs.star'), some, { starred: !on }, 'files.problems.star')],
    again: (rest) => void star(rest, on),
  });
}

export async function makeShortcuts(files: File[], folder: Folder): Promise<void> {
  const made: File[] = [];
  const outcome = await run(t('files.jobs.shortcut'), files, 1, async ([file]) => {
    if (file) made.push(await api.createShortcut(file.id, folder.id));
    return [];
  });
  filesChanged();
  report(outcome, {
    done: 'files.shortcuts',
    problems: 'files.problems.shortcut',
    values: { folder: folder.name },
    undo: [made, uncopy],
    again: (rest) => void makeShortcuts(rest, folder),
  });
}

function fetchTo(href: string, name: string): void {
  const link = document.createElement('a');
  link.href = href;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}

/** Downloads through a link, so that the browser shows progress and keeps the name; several, or a folder, as a zip. */
export function download(files: File[]): void {
  const [first] = files;
  if (!first) return;
  const inside = first.kind === 'shortcut' ? first.target : first;
  if (!inside) return brokenShortcut(first);
  if (files.length > MOST_ZIPPED)
    return void toast({ kind: 'error', message: t('files.download.tooMany', { count: MOST_ZIPPED }) });
  if (files.length === 1 && inside.kind !== 'folder') fetchTo(api.downloadUrl(inside.id), first.name);
  else fetchTo(api.zipUrl(files.length === 1 ? [inside.id] : files.map((file) => file.id)), '');
}

/** Where a file opens; a shortcut leads to what it stands for, and nowhere when that is gone or in the trash. */
export function linkTo(file: Pick<File, 'id' | 'kind' | 'target'>): string | null {
  if (file.kind !== 'shortcut') return file.kind === 'folder' ? `/folders/${file.id}` : `/drive/${file.id}`;
  if (!file.target || file.target.trashed) return null;
  return linkTo({ ...file.target, target: null });
}

function brokenShortcut(file: File): void {
  if (file.target?.trashed)
    toast({
      kind: 'error',
      message: t('files.shortcut.trashed', { name: file.name }),
      action: { label: t('files.shortcut.openTrash'), onSelect: () => navigate('/trash') },
    });
  else
    toast({
      kind: 'error',
      message: t('files.shortcut.broken', { name: file.name }),
      action: { label: t('drive.action.trash'), onSelect: () => void trash([file]) },
    });
}

export function open(file: File): void {
  const link = linkTo(file);
  if (link) navigate(link);
  else brokenShortcut(file);
}

export async function copyLink(file: File): Promise<void> {
  const link = linkTo(file);
  if (!link) return brokenShortcut(file);
  const done = await copyText(new URL(link, location.href).href);
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
