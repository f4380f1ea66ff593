/** Every verb of the page as data, shared by the menus, the command palette and the keyboard. */
import { api, upload } from '@labora/api';
import { type IconName, type MenuItem, errorText, navigate, prompt, setTheme, t, theme, toast } from '@labora/ui';
import { viewOf } from '../editor/views';
import { canPlay, openPlayground } from '../private/playground';
import { shownMode, toggleCode } from '../forms/model';
import { hasWidgets, saveWidgets } from '../widgets/save';
import type { NotebookController } from './controller';
import { recentItems } from './recent';
import { canNotify, notifies, setNotify } from './notify';

export interface Command {
  id: string;
  title: string;
  icon?: IconName;
  /** Shortcuts: `Mod` is Ctrl, or Cmd on a Mac; two strokes are apart by a space. */
  keys?: string[];
  /** Where its keys work: everywhere, or only outside an editor. */
  mode?: 'any' | 'command';
  /** Whether it can be done now. */
  when?: (controller: NotebookController) => boolean;
  checked?: (controller: NotebookController) => boolean;
  danger?: boolean;
  /** In a menu it opens these instead. */
  items?: (controller: NotebookController) => MenuItem[];
  run: (controller: NotebookController) => unknown;
}

const edits = (c: NotebookController): boolean => c.canEdit;
/** Who may not edit runs a copy of their own. */
const runs = (c: NotebookController): boolean => c.canEdit || canPlay(c);
const editsCells = (c: NotebookController): boolean => c.canEdit && c.targets().length > 0;
/** The active cell is one of code. */
const editsCode = (c: NotebookController): boolean => c.canEdit && c.doc.cell(c.ui.active ?? '')?.kind === 'code';
const hasCells = (c: NotebookController): boolean => c.targets().length > 0;
const hasRuntime = (c: NotebookController): boolean =>
  c.runtime?.status === 'ready' || c.runtime?.status === 'starting';
const can = (ability: 'rename' | 'trash' | 'download' | 'share' | 'read_history' | 'copy') => (c: NotebookController) =>
  c.client.status.get().abilities.includes(ability);

/** What `work` answers; null after telling the person why it failed. */
export async function asking<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    toast({ message: errorText(error), kind: 'error' });
    return null;
  }
}

async function newNotebook(c: NotebookController): Promise<void> {
  const parent = c.client.status.get().file?.parent_id ?? 'root';
  const file = await asking(() => api.createFile('notebook', t('notebook.untitled'), parent));
  if (file) navigate(`/drive/${file.id}`);
}

async function uploadNotebook(c: NotebookController): Promise<void> {
  const picker = document.createElement('input');
  picker.type = 'file';
  picker.accept = '.ipynb,application/x-ipynb+json';
  picker.onchange = async () => {
    const chosen = picker.files?.[0];
    if (!chosen) return;
    const parent = c.client.status.get().file?.parent_id ?? 'root';
    const file = await asking(() => upload(chosen, { parent, name: chosen.name }));
    if (file) navigate(`/drive/${file.id}`);
  };
  picker.click();
}

export async function renameNotebook(c: NotebookController, name: string): Promise<void> {
  const file = await asking(() => api.changeFile(c.fileId, { name }));
  if (file) c.client.status.patch({ file });
}

async function askName(c: NotebookController): Promise<void> {
  const value = c.client.status.get().file?.name ?? '';
  const dot = value.lastIndexOf('.');
  const select: [number, number] = [0, dot > 0 ? dot : value.length];
  const name = await prompt({
    title: t('notebook.rename'),
    label: t('notebook.name'),
    value,
    select,
    action: t('notebook.rename'),
  });
  if (name) await renameNotebook(c, name);
}

async function trash(c: NotebookController): Promise<void> {
  if (!(await asking(() => api.changeFile(c.fileId, { trashed: true })))) return;
  navigate('/');
  const undo = { label: t('notebook.undo'), onSelect: () => void api.changeFile(c.fileId, { trashed: false }) };
  toast({ message: t('notebook.trashed'), action: undo });
}

async function saveCopy(c: NotebookController): Promise<void> {
  const name = t('notebook.copyOf', { name: c.client.status.get().file?.name ?? '' });
  const file = await asking(() => api.copyFile(c.fileId, name));
  if (!file) return;
  navigate(`/drive/${file.id}`);
  if (Object.keys(c.room.comments()).length > 0) toast({ message: t('notebook.copiedWithoutComments') });
}

/** Keeps the notebook as it is now, whatever its age will be; it can be given a name in the message. */
async function pinRevision(c: NotebookController): Promise<void> {
  // Over the socket first: it comes after everything that was typed here.
  if ((await c.send('checkpoint', { name: null })) === null) return;
  const revision = await asking(() => api.saveRevision(c.fileId, { pinned: true }));
  if (!revision) return;
  const name = async () => {
    const given = await prompt({
      title: t('notebook.pin.name'),
      label: t('notebook.name'),
      value: revision.name ?? '',
      action: t('ui.save'),
    });
    if (given) await asking(() => api.changeRevision(c.fileId, revision.id, { name: given }));
  };
  toast({
    message: t('notebook.pin.done'),
    kind: 'ok',
    action: { label: t('notebook.pin.giveName'), onSelect: () => void name() },
  });
}

function download(c: NotebookController): void {
  const link = document.createElement('a');
  link.href = api.downloadUrl(c.fileId);
  link.download = c.client.status.get().file?.name ?? '';
  link.click();
}

function downloadClean(c: NotebookController): void {
  const link = document.createElement('a');
  link.href = api.cleanUrl(c.fileId);
  link.download = c.client.status.get().file?.name ?? '';
  link.click();
}

function split(c: NotebookController): void {
  const view = viewOf(c.ui.active);
  if (view) c.split(view.state.selection.main.head);
}

const open = (dialog: Parameters<NotebookController['ui']['dialog']['set']>[0]) => (c: NotebookController) =>
  c.ui.dialog.set(dialog);

type Entry = Omit<Command, 'title'>;

const entries: Entry[] = [
  { id: 'file.new', icon: 'note_add', run: newNotebook },
  { id: 'file.open', icon: 'folder', keys: ['Mod+O'], run: () => navigate('/') },
  { id: 'file.recent', icon: 'schedule', items: (c) => recentItems(c.fileId), run: () => navigate('/recent') },
  { id: 'file.upload', icon: 'upload_file', run: uploadNotebook },
  { id: 'file.rename', icon: 'edit', when: can('rename'), run: askName },
  { id: 'file.copy', icon: 'content_copy', when: can('copy'), run: saveCopy },
  { id: 'file.trash', icon: 'delete', when: can('trash'), run: trash },
  { id: 'file.save', icon: 'save', keys: ['Mod+S', 'Mod+M S'], when: edits, run: (c) => c.save() },
  { id: 'file.pin', icon: 'keep', when: edits, run: pinRevision },
  {
    id: 'file.revisions',
    icon: 'history',
    when: can('read_history'),
    run: (c) => navigate(`/drive/${c.fileId}/history`),
  },
  { id: 'file.share', icon: 'person_add', when: can('share'), run: open('share') },
  { id: 'file.download', icon: 'download', when: can('download'), run: download },
  { id: 'file.import', icon: 'cloud_download', run: () => navigate('/url') },
  { id: 'file.downloadAs', icon: 'download', when: can('download'), run: open('downloadAs') },
  { id: 'file.github', icon: 'commit', when: can('download'), run: open('toGitHub') },
  { id: 'file.gist', icon: 'notes', when: can('download'), run: open('toGist') },
  { id: 'file.badge', icon: 'image', run: open('badge') },
  {
    id: 'file.print',
    icon: 'print',
    keys: ['Mod+P'],
    when: can('download'),
    run: async (c) => (await import('@labora/drive/exchange')).printNotebook(c.fileId),
  },
  { id: 'file.clean', when: can('download'), run: downloadClean },
  { id: 'file.playground', icon: 'science', when: canPlay, run: (c) => openPlayground(c) },

  {
    id: 'edit.undo',
    icon: 'undo',
    keys: ['Mod+M Z', 'Mod+Z'],
    mode: 'command',
    when: (c) => c.canEdit && c.doc.canUndo(),
    run: (c) => c.undo(),
  },
  {
    id: 'edit.redo',
    icon: 'redo',
    keys: ['Mod+Shift+Y', 'Mod+Shift+Z', 'Mod+Y'],
    mode: 'command',
    when: (c) => c.canEdit && c.doc.canRedo(),
    run: (c) => c.redo(),
  },
  { id: 'edit.cut', icon: 'content_cut', keys: ['Mod+X'], mode: 'command', when: editsCells, run: (c) => c.cut() },
  { id: 'edit.copy', icon: 'content_copy', keys: ['Mod+C'], mode: 'command', when: hasCells, run: (c) => c.copy() },
  {
    id: 'edit.paste',
    icon: 'content_paste',
    keys: ['Mod+V'],
    mode: 'command',
    when: (c) => c.canEdit && c.canPaste,
    run: (c) => c.paste(),
  },
  { id: 'edit.delete', icon: 'delete', keys: ['Mod+M D'], when: editsCells, run: (c) => c.remove() },
  { id: 'edit.selectAll', icon: 'select_all', keys: ['Mod+Shift+A'], run: (c) => c.selectAll() },
  { id: 'edit.moveUp', icon: 'arrow_upward', keys: ['Mod+M K'], when: editsCells, run: (c) => c.move(-1) },
  { id: 'edit.moveDown', icon: 'arrow_downward', keys: ['Mod+M J'], when: editsCells, run: (c) => c.move(1) },
  { id: 'edit.split', icon: 'call_split', keys: ['Mod+M -'], when: (c) => c.canEdit && c.ui.editing, run: split },
  { id: 'edit.merge', icon: 'call_merge', keys: ['Mod+M /'], when: editsCells, run: (c) => c.merge() },
  { id: 'edit.toText', icon: 'text_fields', keys: ['Mod+M M'], when: editsCells, run: (c) => c.setKind('markdown') },
  { id: 'edit.toCode', icon: 'code', keys: ['Mod+M Y'], when: editsCells, run: (c) => c.setKind('code') },
  { id: 'edit.clearOutput', icon: 'close', when: editsCells, run: (c) => c.clearOutputs(c.targets()) },
  { id: 'edit.clearAll', icon: 'cancel', when: edits, run: (c) => c.clearAllOutputs() },
  { id: 'edit.form', icon: 'tune', when: editsCode, run: open('formAttributes') },
  { id: 'edit.settings', icon: 'settings', run: open('settings') },
  { id: 'edit.bin', icon: 'restore_from_trash', when: (c) => c.doc.deletedIds().length > 0, run: open('bin') },

  { id: 'view.theme', icon: 'contrast', run: () => setTheme(theme() === 'dark' ? 'light' : 'dark') },
  {
    id: 'view.lineNumbers',
    keys: ['Mod+M L'],
    checked: (c) => c.ui.preferences.get().lineNumbers,
    run: (c) => c.ui.setPreference('lineNumbers', !c.ui.preferences.get().lineNumbers),
  },
  {
    id: 'view.comments',
    icon: 'comment',
    checked: (c) => c.ui.preferences.get().comments,
    run: (c) => c.ui.setPreference('comments', !c.ui.preferences.get().comments),
  },
  {
    id: 'view.secrets',
    icon: 'key',
    checked: (c) => c.ui.secrets.get() !== null,
    run: (c) => c.ui.secrets.set(c.ui.secrets.get() ? null : { add: null }),
  },
  {
    id: 'view.contents',
    icon: 'toc',
    checked: (c) => c.ui.preferences.get().contents,
    run: (c) => c.ui.setPreference('contents', !c.ui.preferences.get().contents),
  },
  {
    id: 'view.form',
    icon: 'code',
    when: (c) => editsCode(c) && shownMode(c, c.ui.active ?? '') !== null,
    run: (c) => toggleCode(c, c.ui.active ?? ''),
  },
  { id: 'view.output', icon: 'visibility', keys: ['Mod+M O'], when: editsCells, run: (c) => c.toggleOutput() },

  { id: 'insert.code', icon: 'code', keys: ['Mod+M B'], when: edits, run: (c) => c.insertBeside('code', 'below') },
  { id: 'insert.codeAbove', icon: 'code', keys: ['Mod+M A'], when: edits, run: (c) => c.insertBeside('code', 'above') },
  { id: 'insert.text', icon: 'text_fields', when: edits, run: (c) => c.insertBeside('markdown', 'below') },
  {
    id: 'insert.dataset',
    icon: 'table_chart',
    checked: (c) => c.ui.datasets.get(),
    run: (c) => c.ui.datasets.set(!c.ui.datasets.get()),
  },
  { id: 'insert.field', icon: 'tune', when: edits, run: open('formField') },

  {
    id: 'insert.comment',
    icon: 'add_comment',
    keys: ['Mod+Alt+M'],
    when: (c) => c.comments.canComment,
    run: (c) => c.comments.begin(),
  },

  { id: 'run.all', icon: 'play_circle', keys: ['Mod+F9'], when: runs, run: (c) => c.runAll() },
  { id: 'run.before', keys: ['Mod+F8'], when: editsCells, run: (c) => c.runBefore() },
  { id: 'run.focused', icon: 'play_arrow', keys: ['Mod+Enter'], when: hasCells, run: (c) => c.runSelected() },
  { id: 'run.advance', keys: ['Shift+Enter'], when: hasCells, run: (c) => c.runAndAdvance() },
  { id: 'run.insert', keys: ['Alt+Enter'], when: editsCells, run: (c) => c.runAndInsert() },
  { id: 'run.selection', keys: ['Mod+Shift+Enter'], when: editsCells, run: (c) => c.runSelected() },
  { id: 'run.after', keys: ['Mod+F10'], when: editsCells, run: (c) => c.runAfter() },
  { id: 'run.interrupt', icon: 'stop_circle', keys: ['Mod+M I'], when: hasRuntime, run: (c) => c.interrupt() },
  { id: 'run.restart', icon: 'restart_alt', keys: ['Mod+M .'], when: hasRuntime, run: (c) => c.restart() },
  { id: 'run.restartAll', when: hasRuntime, run: (c) => c.restart(true) },
  { id: 'run.connect', icon: 'power', when: (c) => c.canEdit && !hasRuntime(c), run: (c) => c.connect() },
  { id: 'run.disconnect', icon: 'power_off', danger: true, when: hasRuntime, run: (c) => c.disconnect() },
  { id: 'run.sessions', icon: 'memory', run: open('sessions') },
  { id: 'run.resetAll', danger: true, run: (c) => c.resetAll() },
  {
    id: 'run.notify',
    when: canNotify,
    checked: (c) => notifies(c.ui),
    run: (c) => setNotify(c.ui, !notifies(c.ui)),
  },

  { id: 'tools.saveWidgets', icon: 'save', when: hasWidgets, run: saveWidgets },
  { id: 'tools.compare', icon: 'compare_arrows', run: (c) => navigate(`/compare?a=${c.fileId}`) },

  { id: 'help.palette', icon: 'search', keys: ['Mod+Shift+P'], run: open('palette') },
  { id: 'help.shortcuts', icon: 'keyboard', keys: ['Mod+M H'], run: open('shortcuts') },

  { id: 'go.next', keys: ['Mod+M N'], run: (c) => c.step(1, false, c.ui.editing) },
  { id: 'go.previous', keys: ['Mod+M P'], run: (c) => c.step(-1, false, c.ui.editing) },
  { id: 'go.down', keys: ['ArrowDown', 'J'], mode: 'command', run: (c) => c.step(1) },
  { id: 'go.up', keys: ['ArrowUp', 'K'], mode: 'command', run: (c) => c.step(-1) },
  { id: 'go.extendDown', keys: ['Shift+ArrowDown'], mode: 'command', run: (c) => c.step(1, true) },
  { id: 'go.extendUp', keys: ['Shift+ArrowUp'], mode: 'command', run: (c) => c.step(-1, true) },
  {
    id: 'go.edit',
    keys: ['Enter'],
    mode: 'command',
    when: hasCells,
    run: (c) => c.ui.active && c.activate(c.ui.active, true),
  },
];

export const commands: readonly Command[] = entries.map((entry) => {
  const title = { get: () => t(`notebook.commands.${entry.id.replace('.', '_')}`), enumerable: true };
  return Object.defineProperty(entry, 'title', title) as Command;
});

const byId = new Map<string, Command>();
for (const command of commands) {
  if (byId.has(command.id)) throw new Error(`There are two commands ${command.id}.`);
  byId.set(command.id, command);
}

export function commandOf(id: string): Command {
  const command = byId.get(id);
  if (!command) throw new Error(`There is no command ${id}.`);
  return command;
}

export const isEnabled = (command: Command, c: NotebookController): boolean => command.when?.(c) ?? true;

/** The menu bar; `-` separates. */
export const menus: readonly { id: string; items: readonly string[] }[] = [
  {
    id: 'file',
    items: [
      'file.new',
      'file.open',
      'file.recent',
      'file.upload',
      'file.import',
      '-',
      'file.rename',
      'file.copy',
      'file.github',
      'file.gist',
      'file.playground',
      'file.trash',
      '-',
      'file.save',
      'file.pin',
      'file.revisions',
      '-',
      'file.download',
      'file.downloadAs',
      'file.badge',
      'file.clean',
      'file.print',
    ],
  },
  {
    id: 'edit',
    items: [
      'edit.undo',
      'edit.redo',
      '-',
      'edit.selectAll',
      'edit.cut',
      'edit.copy',
      'edit.paste',
      'edit.delete',
      '-',
      'edit.moveUp',
      'edit.moveDown',
      'edit.split',
      'edit.merge',
      'edit.toText',
      'edit.toCode',
      '-',
      'edit.form',
      '-',
      'edit.clearAll',
      'edit.bin',
      '-',
      'edit.settings',
    ],
  },
  {
    id: 'view',
    items: [
      'view.contents',
      'view.comments',
      'view.secrets',
      'view.lineNumbers',
      'view.form',
      'view.output',
      '-',
      'view.theme',
    ],
  },
  {
    id: 'insert',
    items: [
      'insert.code',
      'insert.codeAbove',
      'insert.text',
      '-',
      'insert.field',
      'insert.dataset',
      '-',
      'insert.comment',
    ],
  },
  {
    id: 'runtime',
    items: [
      'run.all',
      'run.before',
      'run.focused',
      'run.selection',
      'run.after',
      '-',
      'run.interrupt',
      'run.restart',
      'run.restartAll',
      '-',
      'run.connect',
      'run.disconnect',
      'run.resetAll',
      '-',
      'run.sessions',
      'run.notify',
    ],
  },
  { id: 'tools', items: ['tools.saveWidgets', 'tools.compare'] },
  { id: 'help', items: ['help.palette', 'help.shortcuts'] },
];
