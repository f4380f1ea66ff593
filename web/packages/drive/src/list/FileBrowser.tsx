/** The files of one place, as a list or a grid, of which only those in sight exist. */
import { useVirtualizer } from '@tanstack/react-virtual';
import { type DragEvent, type MouseEvent, type PointerEvent, useEffect, useRef } from 'react';
import type { File } from '@labora/api';
import { ContextMenu, type MenuItem } from '@labora/ui';
import type { DateKey, EntryProps } from './Entry';
import { FileCard } from './FileCard';
import { FileRow } from './FileRow';
import { Heads, type Sort } from './Heads';
import { Hole } from './Hole';
import * as actions from './actions';
import { useHeld } from './clipboard';
import { endDrag, startDrag } from './drag';
import { type Layout, useMeasures } from './layout';
import { touchedBy, useRubberBand } from './rubber';
import type { Choice } from './selection';
import { useKeys } from './useKeys';
import type { Listing } from './useListing';
import { usePress } from './usePress';
import type { Chosen } from './useSelection';
import './list.css';

export interface FileBrowserProps {
  label: string;
  layout: Layout;
  listing: Listing;
  chosen: Chosen;
  me: string;
  date: DateKey;
  sort: Sort;
  onSort: (sort: Sort) => void;
  folder: { id: string; name: string } | null;
  up: string | null;
  renaming: string | null;
  onRenaming: (id: string | null) => void;
  menu: (files: File[]) => MenuItem[];
  /** The menu of the empty space. */
  placeMenu: () => MenuItem[];
  onDetails: () => void;
  onHelp: () => void;
}

export function FileBrowser(props: FileBrowserProps) {
  const { label, layout, listing, chosen, me, date, sort, onSort, renaming, onRenaming, menu, placeMenu } = props;
  const inTrash = date === 'trashed_at';
  const scroller = useRef<HTMLDivElement>(null);
  const root = useRef<HTMLDivElement>(null);
  const wanted = useRef(-1);
  const focused = useRef(false);
  const held = useHeld();
  const { columns, lineHeight, cellWidth, gap } = useMeasures(layout, scroller);
  const lines = useVirtualizer({
    count: Math.ceil(listing.total / columns),
    getScrollElement: () => scroller.current,
    estimateSize: () => lineHeight,
    overscan: layout === 'grid' ? 3 : 10,
  });
  useEffect(() => lines.measure(), [lines, lineHeight]);
  const inSight = lines.getVirtualItems();
  const from = (inSight[0]?.index ?? 0) * columns;
  const to = ((inSight.at(-1)?.index ?? 0) + 1) * columns;
  const { show } = listing;

  // A drag of the scrollbar goes over many pages: only where it rests is asked for.
  useEffect(() => {
    const timer = setTimeout(() => show(from, to), listing.whole ? 0 : 60);
    return () => clearTimeout(timer);
  }, [show, from, to, listing.whole, listing.total]);

  // An item that is wanted may first have to come into being, and one that had the focus may have gone.
  useEffect(() => {
    const lost = focused.current && document.activeElement === document.body;
    const index = wanted.current >= 0 ? wanted.current : lost ? chosen.active : -1;
    if (index < 0) return;
    const entry = scroller.current?.querySelector<HTMLElement>(`[data-index="${index}"]`);
    if (!entry) return;
    wanted.current = -1;
    entry.focus({ preventScroll: true });
  });

  function go(index: number, how: Choice) {
    chosen.go(index, how);
    wanted.current = Math.max(0, Math.min(listing.total - 1, index));
    lines.scrollToIndex(Math.floor(wanted.current / columns));
  }
  const open = (file: File) => {
    if (!inTrash) actions.open(file);
  };
  function startRename() {
    const file = chosen.files.length === 1 ? chosen.files[0] : listing.at(chosen.active);
    if (file?.abilities.includes('rename') && !inTrash) onRenaming(file.id);
  }
  const keys = useKeys({
    ...props,
    inTrash,
    columns,
    page: Math.max(1, Math.floor((scroller.current?.clientHeight ?? 480) / lineHeight) - 1),
    go,
    open,
    rename: startRename,
    details: props.onDetails,
    help: props.onHelp,
  });

  const before = useRef<ReadonlySet<string>>(new Set());
  const rubber = useRubberBand(scroller, (box, add) => {
    const indexes = touchedBy(box, { columns, cellWidth, cellHeight: lineHeight, total: listing.total });
    chosen.take(indexes, add ? before.current : new Set());
  });
  function beginBand(event: PointerEvent) {
    before.current = new Set(chosen.chosen);
    rubber.begin(event);
  }
  const press = usePress(
    (index) => chosen.go(index, 'toggle'),
    (index, event) => {
      // A name is dragged, and so is what is chosen; from the rest of a row one draws the rubber band.
      const entry = event.currentTarget as HTMLElement;
      const id = listing.at(index)?.id ?? '';
      const onName = (event.target as HTMLElement).closest('.file-name-text, .file-icon, .file-card') !== null;
      entry.draggable = event.pointerType !== 'touch' && !inTrash && (onName || chosen.chosen.has(id));
      if (!entry.draggable) beginBand(event);
    },
  );

  function pointer(index: number, event: MouseEvent) {
    if (press.swallowed(event)) return;
    const file = listing.at(index);
    if (!file) return;
    const target = event.target as HTMLElement;
    if (event.type === 'contextmenu') {
      if (!chosen.chosen.has(file.id)) go(index, 'only');
    } else if (press.isTouch(event) && chosen.chosen.size > 0) chosen.go(index, 'toggle');
    else if (event.shiftKey) go(index, 'range');
    else if (event.ctrlKey || event.metaKey) go(index, 'toggle');
    else if (event.defaultPrevented) return;
    else if (press.isTouch(event)) open(file);
    else if (target.closest('a') === null) go(index, 'only');
  }

  async function renamed(file: File, name: string | null) {
    onRenaming(null);
    wanted.current = chosen.active;
    if (name === null) return;
    listing.put({ ...file, name });
    listing.put((await actions.rename(file, name)) ?? file);
  }

  const entry = (index: number, file: File): Omit<EntryProps, 'style'> => ({
    file,
    index,
    me,
    date,
    chosen: chosen.chosen.has(file.id),
    active: index === chosen.active,
    cut: held?.how === 'cut' && held.files.some((one) => one.id === file.id),
    renaming: renaming === file.id,
    choosing: press.touching && chosen.chosen.size > 0,
    onPointer: pointer,
    onPress: press.begin,
    onOpen: open,
    onRename: (one, name) => void renamed(one, name),
    onDrag: (at, event: DragEvent) => {
      const several = chosen.chosen.has(file.id);
      if (!several) chosen.go(at, 'only');
      startDrag(event, several ? chosen.files : [file]);
    },
    menu: (one) => menu(chosen.chosen.has(one.id) && chosen.files.length > 1 ? chosen.files : [one]),
  });
  // An item that moved while pages came may be there twice for a moment.
  const seen = new Set<string>();
  const keyOf = (index: number, file: File | undefined): string => {
    const key = file && !seen.has(file.id) ? file.id : `at-${index}`;
    seen.add(key);
    return key;
  };

  return (
    <div
      className={`file-list file-list-${layout}`}
      ref={root}
      role="grid"
      aria-label={label}
      aria-multiselectable
      aria-rowcount={layout === 'list' ? listing.total + 1 : Math.ceil(listing.total / columns)}
      aria-colcount={layout === 'list' ? undefined : columns}
      onKeyDown={keys}
      onFocus={() => (focused.current = true)}
      onBlur={() => (focused.current = false)}
      onDragEnd={endDrag}
      tabIndex={-1}
    >
      {layout === 'list' && <Heads date={date} sort={sort} onSort={onSort} />}
      <ContextMenu disabled={press.touching} items={() => (chosen.files.length ? menu(chosen.files) : placeMenu())}>
        <div
          role="rowgroup"
          ref={scroller}
          className="file-scroll"
          tabIndex={-1}
          onPointerDown={(event) => {
            if ((event.target as HTMLElement).closest('[data-index]') === null) beginBand(event);
          }}
          onClick={(event) => {
            if ((event.target as HTMLElement).closest('[data-index], [role=menu]') === null) chosen.none();
          }}
          onContextMenuCapture={(event) => {
            if ((event.target as HTMLElement).closest('[data-index]') === null) chosen.none();
            if (press.touching) event.preventDefault();
          }}
        >
          <div role="presentation" className="file-space" style={{ height: lines.getTotalSize() + gap }}>
            {inSight.map((line) => {
              const style = { transform: `translateY(${line.start + gap}px)`, height: lineHeight - gap };
              if (layout === 'list') {
                const file = listing.at(line.index);
                if (!file) return <Hole key={keyOf(line.index, file)} index={line.index} style={style} />;
                return <FileRow key={keyOf(line.index, file)} {...entry(line.index, file)} style={style} />;
              }
              const first = line.index * columns;
              const cells = Array.from({ length: Math.min(columns, listing.total - first) }, (_, at) => first + at);
              return (
                <div key={line.index} role="row" aria-rowindex={line.index + 1} className="file-line" style={style}>
                  {cells.map((index, column) => {
                    const file = listing.at(index);
                    const cell = { width: cellWidth - gap };
                    if (!file) return <Hole key={keyOf(index, file)} index={index} style={cell} card />;
                    return <FileCard key={keyOf(index, file)} {...entry(index, file)} column={column} style={cell} />;
                  })}
                </div>
              );
            })}
          </div>
          {rubber.box && <div className="file-band" style={rubber.box} />}
        </div>
      </ContextMenu>
    </div>
  );
}
