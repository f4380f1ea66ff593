/** What a row of the list and a card of the grid have in common. */
import type { CSSProperties, DragEvent, MouseEvent, PointerEvent } from 'react';
import type { File } from '@labora/api';
import { Icon, IconButton, Link, Menu, type MenuItem, classes, formatBytes, formatWhen, t } from '@labora/ui';
import { NameField } from './NameField';
import { linkTo } from './actions';
import { useDropTarget } from './drag';

export type DateKey = 'modified_at' | 'opened_at' | 'trashed_at';

export interface EntryProps {
  file: File;
  index: number;
  me: string;
  /** The date that is shown: when it was changed, opened or put into the trash. */
  date: DateKey;
  chosen: boolean;
  active: boolean;
  /** It was cut, and waits to be pasted. */
  cut: boolean;
  renaming: boolean;
  /** Fingers chose something: a tap chooses more. */
  choosing: boolean;
  style: CSSProperties;
  onPointer: (index: number, event: MouseEvent) => void;
  onPress: (index: number, event: PointerEvent) => void;
  onOpen: (file: File) => void;
  onRename: (file: File, name: string | null) => void;
  onDrag: (index: number, event: DragEvent) => void;
  menu: (file: File) => MenuItem[];
}

/** The handlers and marks of the element that stands for the file; folders take what is dropped on them. */
export function useEntry(props: EntryProps) {
  const { file, index, date, chosen, active, cut, renaming, style } = props;
  const inTrash = date === 'trashed_at';
  const inside = file.kind === 'shortcut' ? file.target : file;
  const place =
    inside?.kind === 'folder' && !inTrash && (file.kind === 'shortcut' || file.abilities.includes('edit'))
      ? { kind: 'folder' as const, id: inside.id, name: file.name }
      : null;
  const drop = useDropTarget(place);
  return {
    ...drop.handlers,
    'data-index': index,
    'data-id': file.id,
    'aria-selected': chosen,
    tabIndex: active ? 0 : -1,
    draggable: !renaming && !inTrash,
    style,
    className: classes(chosen && 'file-chosen', cut && 'file-cut', drop.over && 'drop-over'),
    onClick: (event: MouseEvent) => props.onPointer(index, event),
    onContextMenu: (event: MouseEvent) => props.onPointer(index, event),
    onDoubleClick: () => props.onOpen(file),
    onPointerDown: (event: PointerEvent) => props.onPress(index, event),
    onDragStart: (event: DragEvent) => props.onDrag(index, event),
  };
}

export function EntryName(props: EntryProps) {
  const { file, renaming, date } = props;
  if (renaming) return <NameField file={file} onDone={(name) => props.onRename(file, name)} />;
  const link = linkTo(file);
  if (date === 'trashed_at' || link === null)
    return (
      <span className="file-link ui-truncate" title={file.name}>
        {file.name}
      </span>
    );
  return (
    <Link
      className="file-link ui-truncate"
      href={link}
      tabIndex={-1}
      title={file.name}
      draggable={false}
      onClick={(event) => {
        // With Ctrl or Shift one chooses, as everywhere in the list; the middle button opens a tab.
        if (event.ctrlKey || event.metaKey || event.shiftKey || props.choosing) event.preventDefault();
      }}
    >
      {file.name}
    </Link>
  );
}

/** Star, shared, broken: small marks beside the name, each with its word. */
export function EntryMarks({ file }: { file: File }) {
  return (
    <>
      {file.starred && (
        <span className="file-star" title={t('drive.nav.starred')}>
          <Icon name="star-fill" size={16} />
          <span className="ui-hidden">{t('drive.nav.starred')}</span>
        </span>
      )}
      {file.shared && file.kind !== 'folder' && (
        <span className="file-shared" title={t('drive.shared')}>
          <Icon name="group" size={16} />
          <span className="ui-hidden">{t('drive.shared')}</span>
        </span>
      )}
    </>
  );
}

export const sizeOf = (file: File): string =>
  file.kind === 'folder' || file.kind === 'shortcut' ? '—' : formatBytes(file.size ?? 0);

/** Size, date and owner in one line, where there are no columns. */
export function metaOf(file: File, me: string, date: DateKey): string {
  const when = file[date];
  const broken = file.kind === 'shortcut' && (!file.target || file.target.trashed);
  return [
    broken ? t('files.kind.broken') : file.kind === 'folder' || file.kind === 'shortcut' ? null : sizeOf(file),
    when && formatWhen(when),
    file.owner.id === me ? null : file.owner.name,
  ]
    .filter(Boolean)
    .join(' · ');
}

export function EntryMenu({ file, active, menu }: Pick<EntryProps, 'file' | 'active' | 'menu'>) {
  return (
    <Menu
      align="end"
      returnFocus={false}
      label={t('drive.more', { name: file.name })}
      items={() => menu(file)}
      trigger={
        <IconButton
          size="sm"
          icon="more_vert"
          label={t('drive.more', { name: file.name })}
          tooltip={false}
          tabIndex={active ? 0 : -1}
        />
      }
    />
  );
}
