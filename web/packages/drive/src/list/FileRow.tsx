import type { SyntheticEvent } from 'react';
import { classes, formatDateTime, formatWhen, t } from '@labora/ui';
import { EntryMarks, EntryMenu, EntryName, type EntryProps, metaOf, sizeOf, useEntry } from './Entry';
import { FileIcon } from './FileIcon';

const stop = (event: SyntheticEvent) => event.stopPropagation();

/** One file: name, whose it is, when and by whom it changed, how large. */
export function FileRow(props: EntryProps) {
  const { file, index, me, date } = props;
  const entry = useEntry(props);
  const owner = file.owner.id === me ? t('drive.me') : file.owner.name;
  const when = file[date];
  const by =
    date !== 'modified_at' || !file.modified_by
      ? ''
      : file.modified_by.id === me
        ? t('drive.me')
        : file.modified_by.name;
  return (
    <div role="row" aria-rowindex={index + 2} {...entry} className={classes('file-row', entry.className)}>
      <div role="gridcell" className="file-name">
        <FileIcon file={file} />
        <span className="file-name-text">
          <EntryName {...props} />
          {!props.renaming && <span className="file-meta">{metaOf(file, me, date)}</span>}
        </span>
        <EntryMarks file={file} />
      </div>
      <div role="gridcell" className="file-owner ui-truncate">
        {owner}
      </div>
      <div role="gridcell" className="file-when ui-truncate" title={when ? formatDateTime(when) : undefined}>
        {formatWhen(when)}
        {by && <span className="file-by"> {t('drive.by', { name: by })}</span>}
      </div>
      <div role="gridcell" className="file-size">
        {sizeOf(file)}
      </div>
      {/* Clicks in the menu, which React delivers here too, are not clicks on the row. */}
      <div
        role="gridcell"
        className="file-more"
        tabIndex={-1}
        onClick={stop}
        onDoubleClick={stop}
        onKeyDown={stop}
        onPointerDown={stop}
      >
        <EntryMenu {...props} />
      </div>
    </div>
  );
}
