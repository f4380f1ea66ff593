import type { SyntheticEvent } from 'react';
import { classes } from '@labora/ui';
import { EntryMarks, EntryMenu, EntryName, type EntryProps, metaOf, useEntry } from './Entry';
import { FileIcon } from './FileIcon';

const stop = (event: SyntheticEvent) => event.stopPropagation();

/** One file as a card of the grid. */
export function FileCard(props: EntryProps & { column: number }) {
  const { file, me, date, column } = props;
  const entry = useEntry(props);
  return (
    <div role="gridcell" aria-colindex={column + 1} {...entry} className={classes('file-card', entry.className)}>
      <div className="file-card-face">
        <FileIcon file={file} size={40} />
        <span className="file-card-marks">
          <EntryMarks file={file} />
        </span>
      </div>
      <div className="file-card-foot">
        <span className="file-name-text">
          <EntryName {...props} />
          {!props.renaming && <span className="file-meta">{metaOf(file, me, date)}</span>}
        </span>
        <span role="presentation" onClick={stop} onDoubleClick={stop} onKeyDown={stop} onPointerDown={stop}>
          <EntryMenu {...props} />
        </span>
      </div>
    </div>
  );
}
