/** The menu of files: the same for the context menu, the button of an entry and the bar over the list. */
import type { Ability, File } from '@labora/api';
import { type MenuItem, navigate, t } from '@labora/ui';
import * as actions from './actions';
import { hold } from './clipboard';

export interface MenuDoors {
  inTrash: boolean;
  rename: (file: File) => void;
  share: (file: File) => void;
  move: (files: File[]) => void;
  shortcut: (files: File[]) => void;
  /** Of a notebook, in another format. */
  downloadAs: (file: File) => void;
  details: () => void;
  /** Given where a list shows files of many folders. */
  showIn: ((file: File) => void) | null;
}

type Entry = MenuItem | false;

function trashMenu(files: File[], can: (ability: Ability) => boolean, doors: MenuDoors): MenuItem[] {
  return [
    {
      id: 'restore',
      label: t('drive.action.restore'),
      icon: 'restore_from_trash',
      disabled: !can('trash'),
      onSelect: () => void actions.restore(files),
    },
    { id: 'details', label: t('files.details.show'), icon: 'info', keys: 'I', onSelect: doors.details },
    'separator',
    {
      id: 'delete',
      label: t('drive.action.deleteForEver'),
      icon: 'delete_forever',
      keys: 'Del',
      danger: true,
      disabled: !can('delete'),
      onSelect: () => void actions.deleteForEver(files),
    },
  ];
}

/** What is done with one file only. */
function single(file: File, doors: MenuDoors): Entry[] {
  const can = (ability: Ability) => file.abilities.includes(ability);
  return [
    { id: 'open', label: t('drive.action.open'), onSelect: () => actions.open(file), icon: 'open_in_new' },
    actions.opensAsNotebook(file) && {
      id: 'as-notebook',
      label: t('drive.action.asNotebook'),
      icon: 'data_object',
      onSelect: () => void actions.openAsNotebook(file),
    },
    file.kind === 'notebook' &&
      can('copy') &&
      !file.playground_of && {
        id: 'playground',
        label: t('files.playground'),
        icon: 'science',
        onSelect: () => void actions.openPlayground(file),
      },
    {
      id: 'share',
      label: t('drive.action.share'),
      icon: 'person_add',
      // What a shortcut leads to is shared, not the shortcut.
      disabled: !can('share') || file.kind === 'shortcut',
      onSelect: () => doors.share(file),
    },
    { id: 'link', label: t('drive.action.copyLink'), icon: 'link', onSelect: () => void actions.copyLink(file) },
    'separator',
    {
      id: 'rename',
      label: t('drive.action.rename'),
      icon: 'edit',
      keys: 'F2',
      disabled: !can('rename'),
      onSelect: () => doors.rename(file),
    },
  ];
}

export function fileMenu(files: File[], doors: MenuDoors): MenuItem[] {
  const [first] = files;
  if (!first) return [];
  const can = (ability: Ability) => files.every((file) => file.abilities.includes(ability));
  if (doors.inTrash) return trashMenu(files, can, doors);
  const one = files.length === 1;
  const starred = files.every((file) => file.starred);
  const { showIn } = doors;
  const items: Entry[] = [
    ...(one ? single(first, doors) : []),
    {
      id: 'move',
      label: t('drive.action.move'),
      icon: 'drive_file_move',
      disabled: !can('move'),
      onSelect: () => doors.move(files),
    },
    {
      id: 'cut',
      label: t('files.action.cut'),
      icon: 'content_cut',
      keys: 'Ctrl+X',
      disabled: !can('move'),
      onSelect: () => hold('cut', files),
    },
    {
      id: 'copy-later',
      label: t('files.action.copy'),
      icon: 'content_paste',
      keys: 'Ctrl+C',
      disabled: !can('copy'),
      onSelect: () => hold('copy', files),
    },
    {
      id: 'copy',
      label: t('drive.action.copy'),
      icon: 'content_copy',
      disabled: !can('copy'),
      onSelect: () => void actions.copyTo(files, null),
    },
    {
      id: 'shortcut',
      label: t('files.action.shortcut'),
      icon: 'add_link',
      onSelect: () => doors.shortcut(files),
    },
    {
      id: 'star',
      label: t(starred ? 'drive.action.unstar' : 'drive.action.star'),
      icon: starred ? 'star-fill' : 'star',
      onSelect: () => void actions.star(files, !starred),
    },
    'separator',
    one &&
      showIn !== null && {
        id: 'show',
        label: t('drive.action.showIn'),
        icon: 'folder',
        disabled: !first.parent_id,
        onSelect: () => showIn(first),
      },
    { id: 'details', label: t('files.details.show'), icon: 'info', keys: 'I', onSelect: doors.details },
    one &&
      first.kind === 'notebook' && {
        id: 'history',
        label: t('drive.action.history'),
        icon: 'history',
        disabled: !can('read_history'),
        onSelect: () => navigate(`/drive/${first.id}/history`),
      },
    {
      id: 'download',
      label: t('drive.action.download'),
      icon: 'download',
      disabled: !can('download'),
      onSelect: () => actions.download(files),
    },
    one &&
      first.kind === 'notebook' && {
        id: 'download-as',
        label: t('files.download.as'),
        icon: 'download',
        disabled: !can('download'),
        onSelect: () => doors.downloadAs(first),
      },
    'separator',
    {
      id: 'trash',
      label: t('drive.action.trash'),
      icon: 'delete',
      keys: 'Del',
      danger: true,
      disabled: !can('trash'),
      onSelect: () => void actions.trash(files),
    },
  ];
  return items.filter((item) => item !== false);
}
