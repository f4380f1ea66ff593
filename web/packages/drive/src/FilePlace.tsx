/** The files of one place: the bar over them, the list or grid, the details, and what is said when there is nothing. */
import { lazy, Suspense, useEffect, useState } from 'react';
import { type File, type ListQuery, type View, isApiError } from '@labora/api';
import { Button, EmptyState, type MenuItem, errorText, navigate, t } from '@labora/ui';
import type { Way } from './Crumbs';
import { upFrom } from './Crumbs';
import { PlaceHead } from './PlaceHead';
import { DetailsPane } from './details/DetailsPane';
import { KeysDialog } from './dialogs/KeysDialog';
import { FolderDialog, MoveDialog } from './dialogs/MoveDialog';
import { ShareDialog } from './dialogs/ShareDialog';
import type { DateKey } from './list/Entry';
import { FileBrowser } from './list/FileBrowser';
import type { Sort } from './list/Heads';
import { ListSkeleton } from './list/ListSkeleton';
import { Tools } from './list/Tools';
import * as actions from './list/actions';
import { paste, useHeld } from './list/clipboard';
import { fileMenu } from './list/menu';
import { type Listing, useListing } from './list/useListing';
import { useSelection } from './list/useSelection';
import { type NewActions, newItems } from './newItems';
import { setPreferences, toggleDetailsPane, usePreferences } from './preferences';

export interface FilePlaceProps {
  view: View;
  folderId: string | null;
  title: string;
  way: Way | null;
  query: ListQuery;
  q: string;
  me: string;
  sort: Sort;
  onSort: (sort: Sort) => void;
  create: NewActions;
}

const DownloadDialog = lazy(async () => ({ default: (await import('./exchange')).DownloadDialog }));

const DATES: Partial<Record<View, DateKey>> = { trash: 'trashed_at', recent: 'opened_at' };

type Asking =
  { what: 'share' | 'downloadAs'; file: File } | { what: 'move' | 'shortcut'; files: File[] } | { what: 'keys' } | null;

export function FilePlace(props: FilePlaceProps) {
  const { view, folderId, title, way, query, q, me, sort, onSort, create } = props;
  const listing = useListing(query);
  const chosen = useSelection(listing);
  const held = useHeld();
  const { layout, details } = usePreferences();
  const [asking, setAsking] = useState<Asking>(null);
  const [renaming, setRenaming] = useState<string | null>(null);
  const date = DATES[view] ?? 'modified_at';
  const inTrash = view === 'trash';
  const takes = view === 'drive' && q === '';
  const folder = takes ? { id: folderId ?? 'root', name: way?.folder?.name ?? t('drive.view.drive') } : null;
  const close = () => setAsking(null);
  const { status } = listing;

  const menuOf = (files: File[]): MenuItem[] =>
    fileMenu(files, {
      inTrash,
      rename: (file) => setRenaming(file.id),
      share: (file) => setAsking({ what: 'share', file }),
      move: (some) => setAsking({ what: 'move', files: some }),
      shortcut: (some) => setAsking({ what: 'shortcut', files: some }),
      downloadAs: (file) => setAsking({ what: 'downloadAs', file }),
      details: () => setPreferences({ details: true }),
      showIn: takes ? null : (file) => navigate(file.parent_id ? `/folders/${file.parent_id}` : '/'),
    });
  const placeMenu = (): MenuItem[] => [
    ...(folder ? newItems(create) : []),
    ...(folder && held
      ? [
          'separator' as const,
          {
            id: 'paste',
            label: t('files.action.paste', { count: held.files.length }),
            icon: 'content_paste' as const,
            keys: 'Ctrl+V',
            onSelect: () => void paste(folder),
          },
        ]
      : []),
    ...(folder ? ['separator' as const] : []),
    { id: 'all', label: t('files.action.all'), icon: 'select_all', keys: 'Ctrl+A', onSelect: chosen.all },
    { id: 'reload', label: t('drive.action.reload'), icon: 'refresh', onSelect: listing.reload },
    {
      id: 'keys',
      label: t('files.keys.title'),
      icon: 'keyboard',
      keys: '?',
      onSelect: () => setAsking({ what: 'keys' }),
    },
  ];

  // Where nothing has the focus, the keys of the list begin with the first arrow; the others work at once.
  useEffect(() => {
    function outside(event: KeyboardEvent) {
      if (event.target !== document.body || event.defaultPrevented || event.ctrlKey || event.metaKey) return;
      if (event.key === '?') setAsking({ what: 'keys' });
      else if (event.key === 'i' && !event.altKey) toggleDetailsPane();
      else if (/^(Arrow|Home|End|Page)/.test(event.key) && !event.altKey) {
        const first = document.querySelector<HTMLElement>('.file-list [data-index][tabindex="0"]');
        if (!first) return;
        first.focus();
      } else return;
      event.preventDefault();
    }
    addEventListener('keydown', outside);
    return () => removeEventListener('keydown', outside);
  }, []);

  return (
    <>
      <PlaceHead {...{ view, title, listing, q }} way={takes && folderId !== null ? way : undefined} />
      <Tools
        {...{ chosen, layout, details, date, sort, onSort }}
        total={status === 'ready' ? listing.total : null}
        onLayout={(next) => setPreferences({ layout: next })}
        onDetails={toggleDetailsPane}
        menu={menuOf}
        share={(file) => setAsking({ what: 'share', file })}
        move={(files) => setAsking({ what: 'move', files })}
      />
      <div className="drive-body">
        <div className="drive-files">
          {status === 'ready' && listing.total > 0 ? (
            <FileBrowser
              label={title}
              {...{ layout, listing, chosen, me, date, sort, onSort, folder, renaming, placeMenu }}
              up={folderId === null ? null : upFrom(way)}
              onRenaming={setRenaming}
              menu={menuOf}
              onDetails={toggleDetailsPane}
              onHelp={() => setAsking({ what: 'keys' })}
            />
          ) : (
            <Nothing {...{ view, folderId, q, create, listing }} grid={layout === 'grid'} />
          )}
        </div>
        {details && (
          <DetailsPane
            files={chosen.files}
            folderId={takes ? (folderId ?? 'root') : null}
            me={me}
            onClose={toggleDetailsPane}
            onShare={(file) => setAsking({ what: 'share', file })}
          />
        )}
      </div>
      {asking?.what === 'keys' && <KeysDialog onClose={close} />}
      {asking?.what === 'share' && <ShareDialog file={asking.file} onClose={close} />}
      {asking?.what === 'downloadAs' && (
        <Suspense fallback={null}>
          <DownloadDialog file={asking.file} onClose={close} />
        </Suspense>
      )}
      {asking?.what === 'move' && (
        <MoveDialog files={asking.files} onClose={close} onMove={(to) => void actions.move(asking.files, to)} />
      )}
      {asking?.what === 'shortcut' && (
        <FolderDialog
          title={t('files.shortcut.title', { count: asking.files.length, name: asking.files[0]?.name ?? '' })}
          action={(to) => t('files.shortcut.action', { folder: to.name })}
          onClose={close}
          onPick={(to) => void actions.makeShortcuts(asking.files, to)}
        />
      )}
    </>
  );
}

interface NothingProps extends Pick<FilePlaceProps, 'view' | 'folderId' | 'q' | 'create'> {
  listing: Listing;
  grid: boolean;
}

/** What stands in place of the files: they are on their way, cannot be shown, or there are none. */
function Nothing({ view, folderId, q, create, listing, grid }: NothingProps) {
  if (listing.status === 'loading') return <ListSkeleton grid={grid} />;
  if (listing.status === 'failed') {
    const gone = isApiError(listing.error, 'not_found') || isApiError(listing.error, 'no_such_file');
    return (
      <EmptyState
        icon={gone ? 'folder' : 'cloud_off'}
        title={t(gone ? 'drive.gone.title' : 'drive.failed.title')}
        actions={
          gone ? (
            <Button onClick={() => navigate('/')}>{t('app.home')}</Button>
          ) : (
            <Button icon="refresh" onClick={listing.reload}>
              {t('ui.retry')}
            </Button>
          )
        }
      >
        {gone ? t('drive.gone.text') : errorText(listing.error)}
      </EmptyState>
    );
  }
  if (q)
    return (
      <EmptyState icon="search" title={t('drive.empty.search.title', { q })}>
        {t('drive.empty.search.text')}
      </EmptyState>
    );
  const place = view === 'drive' && folderId ? 'folder' : view;
  const icons = {
    drive: 'science',
    folder: 'folder',
    shared: 'group',
    recent: 'schedule',
    starred: 'star',
    trash: 'delete',
  } as const;
  return (
    <EmptyState
      icon={icons[place]}
      title={t(`drive.empty.${place}.title`)}
      actions={
        view === 'drive' && (
          <>
            <Button variant="primary" icon="add" onClick={create.notebook}>
              {t('drive.new.notebook')}
            </Button>
            <Button icon="upload_file" onClick={create.upload}>
              {t('drive.new.upload')}
            </Button>
          </>
        )
      }
    >
      {t(`drive.empty.${place}.text`)}
    </EmptyState>
  );
}
