import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, type MouseEvent, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import type { File } from '@labora/api';
import { ContextMenu, Icon, type MenuItem, classes, navigate, t } from '@labora/ui';
import { FileRow } from './FileRow';
import * as actions from './actions';
import { type Choice, type Selection, choose, chooseAll, chooseNone, nothing, typeAhead, within } from './selection';
import type { Listing } from './useListing';
import './list.css';

export type SortKey = 'name' | 'modified_at' | 'size' | 'trashed_at' | 'opened_at';
export interface Sort {
  key: SortKey;
  descending: boolean;
}

export interface FileListProps {
  label: string;
  listing: Listing;
  me: string;
  inTrash: boolean;
  sort: Sort;
  onSort: (sort: Sort) => void;
  menu: (files: File[], rename: () => void) => MenuItem[];
  /** The menu of the empty space. */
  placeMenu: () => MenuItem[];
}

const touch = () => matchMedia('(pointer: coarse)').matches;

// The same condition as in list.css: two lines a row where columns have no room or fingers do the pointing.
const TALL = '(max-width: 760px), (pointer: coarse)';

function watchTall(listener: () => void): () => void {
  const query = matchMedia(TALL);
  query.addEventListener('change', listener);
  return () => query.removeEventListener('change', listener);
}

const isTall = () => matchMedia(TALL).matches;

function Heading({
  name,
  column,
  sort,
  onSort,
}: {
  name: string;
  column: SortKey | null;
  sort: Sort;
  onSort: FileListProps['onSort'];
}) {
  const on = column === sort.key;
  return (
    <div
      role="columnheader"
      aria-sort={on ? (sort.descending ? 'descending' : 'ascending') : undefined}
      className={`head-${name}`}
    >
      {column ? (
        <button
          type="button"
          className={classes('head-button', on && 'head-on')}
          onClick={() => onSort({ key: column, descending: on ? !sort.descending : column !== 'name' })}
        >
          {t(`drive.column.${name}`)}
          {on && <Icon name={sort.descending ? 'arrow_downward' : 'arrow_upward'} size={16} />}
        </button>
      ) : (
        t(`drive.column.${name}`)
      )}
    </div>
  );
}

/** The list of files, of which only the rows in sight exist. Keys: arrows, Enter, Space, F2, Delete, Ctrl+A, letters. */
export function FileList({ label, listing, me, inTrash, sort, onSort, menu, placeMenu }: FileListProps) {
  const { files } = listing;
  const ids = useMemo(() => files.map((file) => file.id), [files]);
  const [state, setState] = useState<Selection>(nothing);
  const [renaming, setRenaming] = useState<string | null>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const wanted = useRef(-1);
  const typed = useRef({ text: '', at: 0 });
  const selection = within(state, ids);
  const rowHeight = useSyncExternalStore(watchTall, isTall) ? 60 : 48;
  const rows = useVirtualizer({
    count: files.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 10,
  });
  useEffect(() => rows.measure(), [rows, rowHeight]);
  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  const { more, loadMore } = listing;

  useEffect(() => {
    if (more && last >= files.length - 40) loadMore();
  }, [more, last, files.length, loadMore]);

  // A row that is wanted may first have to come into being: the focus goes there once it does.
  useEffect(() => {
    if (wanted.current < 0) return;
    const row = scroller.current?.querySelector<HTMLElement>(`[data-index="${wanted.current}"]`);
    if (!row) return;
    wanted.current = -1;
    row.focus({ preventScroll: true });
  });

  const chosen = files.filter((file) => selection.chosen.has(file.id));
  const active = files[selection.active];

  function go(index: number, how: Choice) {
    const next = choose(selection, ids, index, how);
    setState(next);
    wanted.current = next.active;
    rows.scrollToIndex(next.active);
  }

  const open = (file: File) => {
    if (!inTrash) navigate(actions.linkTo(file));
  };
  const startRename = () => {
    const file = chosen.length === 1 ? chosen[0] : active;
    if (file?.abilities.includes('rename') && !inTrash) setRenaming(file.id);
  };

  function pointer(index: number, event: MouseEvent) {
    if (event.defaultPrevented) return;
    const file = files[index];
    if (event.type === 'contextmenu') {
      if (file && !selection.chosen.has(file.id)) go(index, 'only');
    } else if (event.shiftKey) go(index, 'range');
    else if (event.ctrlKey || event.metaKey) go(index, 'toggle');
    else if (touch() && file) open(file);
    else go(index, 'only');
  }

  function letter(key: string): boolean {
    const now = Date.now();
    const text = now - typed.current.at < 800 ? typed.current.text + key : key;
    typed.current = { text, at: now };
    const index = typeAhead(
      files.map((file) => file.name),
      selection.active,
      text,
    );
    if (index >= 0) go(index, 'only');
    return index >= 0;
  }

  function key(event: KeyboardEvent) {
    if ((event.target as HTMLElement).closest('[role=columnheader], input, [role=menu]')) return;
    const control = event.ctrlKey || event.metaKey;
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 480) / rowHeight) - 1);
    const steps: Record<string, number> = {
      ArrowDown: selection.active + (selection.chosen.size ? 1 : 0),
      ArrowUp: selection.active - 1,
      PageDown: selection.active + page,
      PageUp: selection.active - page,
      Home: 0,
      End: files.length - 1,
    };
    const step = steps[event.key];
    if (step !== undefined) go(step, event.shiftKey ? 'range' : control ? 'focus' : 'only');
    else if (event.key === 'Enter' && active) open(active);
    else if (event.key === ' ') go(selection.active, control ? 'toggle' : 'only');
    else if (event.key === 'F2') startRename();
    else if (event.key === 'Escape') setState(chooseNone(selection));
    else if (event.key === 'Delete' || (event.key === 'Backspace' && event.metaKey)) {
      const able = chosen.filter((file) => file.abilities.includes(inTrash ? 'delete' : 'trash'));
      if (able.length) void (inTrash ? actions.deleteForEver(able) : actions.trash(able));
    } else if (control && event.key.toLowerCase() === 'a') setState(chooseAll(selection, ids));
    else if (control || event.altKey || event.key.length !== 1 || !letter(event.key)) return;
    event.preventDefault();
  }

  async function renamed(file: File, name: string | null) {
    setRenaming(null);
    wanted.current = files.indexOf(file);
    if (name === null) return;
    listing.put({ ...file, name });
    const saved = await actions.rename(file, name);
    listing.put(saved ?? file);
  }

  const dateColumn: SortKey = inTrash ? 'trashed_at' : 'modified_at';
  return (
    <div
      className="file-list"
      role="grid"
      aria-label={label}
      aria-multiselectable
      aria-rowcount={more ? -1 : files.length + 1}
      onKeyDown={key}
      tabIndex={-1}
    >
      <div role="rowgroup">
        <div role="row" aria-rowindex={1} className="file-head">
          <Heading name="name" column="name" sort={sort} onSort={onSort} />
          <Heading name="owner" column={null} sort={sort} onSort={onSort} />
          <Heading name={inTrash ? 'trashed' : 'modified'} column={dateColumn} sort={sort} onSort={onSort} />
          <Heading name="size" column="size" sort={sort} onSort={onSort} />
          <div role="columnheader" className="head-more">
            <span className="ui-hidden">{t('drive.column.more')}</span>
          </div>
        </div>
      </div>
      <ContextMenu items={() => (chosen.length ? menu(chosen, startRename) : placeMenu())}>
        <div
          role="rowgroup"
          ref={scroller}
          className="file-scroll"
          tabIndex={-1}
          onClick={(event) => event.target === event.currentTarget && setState(chooseNone(selection))}
          onContextMenuCapture={(event) => {
            if (!(event.target as HTMLElement).closest('[role=row]')) setState(chooseNone(selection));
          }}
        >
          <div role="presentation" className="file-space" style={{ height: rows.getTotalSize() }}>
            {items.map((item) => {
              const file = files[item.index];
              return (
                file && (
                  <FileRow
                    key={file.id}
                    file={file}
                    index={item.index}
                    me={me}
                    inTrash={inTrash}
                    offset={item.start}
                    chosen={selection.chosen.has(file.id)}
                    active={item.index === selection.active}
                    renaming={renaming === file.id}
                    onPointer={pointer}
                    onOpen={open}
                    onRename={(one, name) => void renamed(one, name)}
                    menu={(one) => {
                      const group = selection.chosen.has(one.id) && chosen.length > 1 ? chosen : [one];
                      return menu(group, () => setRenaming(one.id));
                    }}
                  />
                )
              );
            })}
          </div>
        </div>
      </ContextMenu>
    </div>
  );
}
