import { type KeyboardEvent, type MouseEvent, useRef } from 'react';
import type { File } from '@labora/api';
import {
  Icon,
  IconButton,
  Link,
  Menu,
  type MenuItem,
  classes,
  formatBytes,
  formatDateTime,
  formatWhen,
  t,
} from '@labora/ui';
import { FileIcon } from './FileIcon';
import { linkTo } from './actions';

export interface FileRowProps {
  file: File;
  index: number;
  me: string;
  /** The date column tells when it was put into the trash. */
  inTrash: boolean;
  chosen: boolean;
  active: boolean;
  renaming: boolean;
  offset: number;
  onPointer: (index: number, event: MouseEvent) => void;
  onOpen: (file: File) => void;
  onRename: (file: File, name: string | null) => void;
  menu: (file: File) => MenuItem[];
}

function NameField({ file, onDone }: { file: File; onDone: (name: string | null) => void }) {
  const ended = useRef(false);
  function end(name: string | null) {
    if (ended.current) return;
    ended.current = true;
    const clean = name?.trim();
    onDone(clean && clean !== file.name ? clean : null);
  }
  function key(event: KeyboardEvent<HTMLInputElement>) {
    event.stopPropagation();
    if (event.key === 'Enter') end(event.currentTarget.value);
    if (event.key === 'Escape') end(null);
  }
  return (
    <input
      className="ui-input file-rename"
      aria-label={t('drive.rename.label', { name: file.name })}
      defaultValue={file.name}
      autoFocus
      spellCheck={false}
      onKeyDown={key}
      onClick={(event) => event.stopPropagation()}
      onDoubleClick={(event) => event.stopPropagation()}
      onFocus={(event) => {
        // The ending stays unless it is meant: only the stem is selected.
        const dot = file.kind === 'folder' ? -1 : file.name.lastIndexOf('.');
        event.target.setSelectionRange(0, dot > 0 ? dot : file.name.length);
      }}
      onBlur={(event) => end(event.target.value)}
    />
  );
}

/** One file: name, whose it is, when and by whom it changed, how large. */
export function FileRow(props: FileRowProps) {
  const { file, index, me, inTrash, chosen, active, renaming, offset } = props;
  const owner = file.owner.id === me ? t('drive.me') : file.owner.name;
  const when = inTrash ? file.trashed_at : file.modified_at;
  const by = inTrash || !file.modified_by ? '' : file.modified_by.id === me ? t('drive.me') : file.modified_by.name;
  const size = file.kind === 'folder' ? '—' : formatBytes(file.size ?? 0);
  return (
    <div
      role="row"
      data-index={index}
      aria-rowindex={index + 2}
      aria-selected={chosen}
      tabIndex={active ? 0 : -1}
      className={classes('file-row', chosen && 'file-row-chosen')}
      style={{ transform: `translateY(${offset}px)` }}
      onClick={(event) => props.onPointer(index, event)}
      onContextMenu={(event) => props.onPointer(index, event)}
      onDoubleClick={() => props.onOpen(file)}
    >
      <div role="gridcell" className="file-name">
        <FileIcon file={file} />
        {renaming ? (
          <NameField file={file} onDone={(name) => props.onRename(file, name)} />
        ) : (
          <span className="file-name-text">
            {inTrash ? (
              <span className="file-link ui-truncate">{file.name}</span>
            ) : (
              <Link className="file-link ui-truncate" href={linkTo(file)} tabIndex={-1} title={file.name}>
                {file.name}
              </Link>
            )}
            <span className="file-meta">
              {[file.kind === 'folder' ? null : size, when && formatWhen(when), file.owner.id === me ? null : owner]
                .filter(Boolean)
                .join(' · ')}
            </span>
          </span>
        )}
        {file.starred && <Icon name="star-fill" size={16} className="file-star" />}
        {file.shared && file.kind !== 'folder' && (
          <span className="file-shared" title={t('drive.shared')}>
            <Icon name="group" size={16} />
            <span className="ui-hidden">{t('drive.shared')}</span>
          </span>
        )}
      </div>
      <div role="gridcell" className="file-owner ui-truncate">
        {owner}
      </div>
      <div role="gridcell" className="file-when ui-truncate" title={when ? formatDateTime(when) : undefined}>
        {formatWhen(when)}
        {by && <span className="file-by"> {t('drive.by', { name: by })}</span>}
      </div>
      <div role="gridcell" className="file-size">
        {size}
      </div>
      {/* Clicks in the menu, which React delivers here too, are not clicks on the row. */}
      <div
        role="gridcell"
        className="file-more"
        tabIndex={-1}
        onClick={(event) => event.stopPropagation()}
        onDoubleClick={(event) => event.stopPropagation()}
        onKeyDown={(event) => event.stopPropagation()}
      >
        <Menu
          align="end"
          returnFocus={false}
          label={t('drive.more', { name: file.name })}
          items={() => props.menu(file)}
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
      </div>
    </div>
  );
}
