/** The menu of files: the same for the context menu and the button of a row. */
import type { Ability, File } from '@labora/api';
import { type MenuItem, navigate, t } from '@labora/ui';
import * as actions from './actions';

export interface MenuDoors {
  inTrash: boolean;
  open: (file: File) => void;
  rename: () => void;
  share: (file: File) => void;
  move: (files: File[]) => void;
  /** Given where a list shows files of many folders. */
  showIn: ((file: File) => void) | null;
}

export function fileMenu(files: File[], doors: MenuDoors): MenuItem[] {
  const [first] = files;
  if (!first) return [];
  const can = (ability: Ability) => files.every((file) => file.abilities.includes(ability));
  const one = files.length === 1;
  if (doors.inTrash) {
    return [
      {
        id: 'restore',
        label: t('drive.action.restore'),
        icon: 'restore_from_trash',
        disabled: !can('trash'),
        onSelect: () => void actions.restore(files),
      },
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
  const content = files.every((file) => file.kind !== 'folder');
  const { showIn } = doors;
  const items: (MenuItem | false)[] = [
    one && {
      id: 'open',
      label: t('drive.action.open'),
      icon: 'open_in_new',
      keys: 'Enter',
      onSelect: () => doors.open(first),
    },
    one && {
      id: 'share',
      label: t('drive.action.share'),
      icon: 'person_add',
      disabled: !can('share'),
      onSelect: () => doors.share(first),
    },
    one && {
      id: 'link',
      label: t('drive.action.copyLink'),
      icon: 'link',
      onSelect: () => void actions.copyLink(first),
    },
    one && 'separator',
    one && {
      id: 'rename',
      label: t('drive.action.rename'),
      icon: 'edit',
      keys: 'F2',
      disabled: !can('rename'),
      onSelect: () => doors.rename(),
    },
    {
      id: 'move',
      label: t('drive.action.move'),
      icon: 'drive_file_move',
      disabled: !can('move'),
      onSelect: () => doors.move(files),
    },
    one &&
      content && {
        id: 'copy',
        label: t('drive.action.copy'),
        icon: 'content_copy',
        disabled: !can('copy'),
        onSelect: () => void actions.makeCopy(first),
      },
    one && {
      id: 'star',
      label: t(first.starred ? 'drive.action.unstar' : 'drive.action.star'),
      icon: first.starred ? 'star-fill' : 'star',
      onSelect: () => void actions.star(first),
    },
    one &&
      showIn !== null && {
        id: 'show',
        label: t('drive.action.showIn'),
        icon: 'folder',
        disabled: !first.parent_id,
        onSelect: () => showIn(first),
      },
    one &&
      content && {
        id: 'history',
        label: t('drive.action.history'),
        icon: 'history',
        disabled: !can('read_history'),
        onSelect: () => navigate(`/drive/${first.id}/history`),
      },
    content && {
      id: 'download',
      label: t('drive.action.download'),
      icon: 'download',
      disabled: !can('download'),
      onSelect: () => actions.download(files),
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
