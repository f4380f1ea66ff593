import { type DragEvent, useEffect, useRef, useState } from 'react';
import { type File, type ListQuery, type View, isApiError } from '@labora/api';
import { Button, EmptyState, type MenuItem, errorText, navigate, t, toast, usePath, useSearch } from '@labora/ui';
import { Crumbs } from './Crumbs';
import { DriveNav, type NewActions } from './DriveNav';
import { PreparationBanner } from './PreparationBanner';
import { SearchBox } from './SearchBox';
import { SearchResults } from './search/SearchResults';
import { MoveDialog } from './dialogs/MoveDialog';
import { ShareDialog } from './dialogs/ShareDialog';
import { FileList, type Sort } from './list/FileList';
import { ListSkeleton } from './list/ListSkeleton';
import * as actions from './list/actions';
import { fileMenu } from './list/menu';
import { useListing } from './list/useListing';
import { TopBar, useAccount } from './shell';
import { StorageBanner, TrashNote } from './storage/StorageBanner';
import { UploadPanel } from './upload/UploadPanel';
import { addDropped, addFiles } from './upload/queue';
import './drive.css';
import './search/search.css';

export interface DrivePageProps {
  view: View;
  folderId?: string | undefined;
}

const firstSort: Record<View, Sort> = {
  drive: { key: 'name', descending: false },
  shared: { key: 'modified_at', descending: true },
  recent: { key: 'opened_at', descending: true },
  trash: { key: 'trashed_at', descending: true },
};

function orderBy(view: View, sort: Sort): string {
  const key = `${sort.key}${sort.descending ? ' desc' : ''}`;
  return view === 'drive' && sort.key === 'name' ? `folder,${key}` : key;
}

/** The question to the server that a page of the drive asks. What is typed in My Drive is searched on its own. */
function queryOf({ view, folderId }: DrivePageProps, q: string, sort: Sort): ListQuery {
  const name = view === 'drive' ? '' : q;
  return { view, name, orderBy: orderBy(view, sort), ...(view === 'drive' ? { folder: folderId ?? 'root' } : {}) };
}

/** Tells whether files from outside hang over the page; a counter, for enter and leave come for every element. */
function useFileDrop(onDrop: (data: DataTransfer) => void, enabled: boolean) {
  const [over, setOver] = useState(false);
  const depth = useRef(0);
  const carries = (event: DragEvent) => enabled && event.dataTransfer.types.includes('Files');
  return {
    over,
    handlers: {
      onDragEnter: (event: DragEvent) => {
        if (!carries(event)) return;
        depth.current += 1;
        setOver(true);
      },
      onDragLeave: (event: DragEvent) => {
        if (!carries(event)) return;
        depth.current -= 1;
        if (depth.current <= 0) setOver(false);
      },
      onDragOver: (event: DragEvent) => {
        if (carries(event)) event.preventDefault();
      },
      onDrop: (event: DragEvent) => {
        depth.current = 0;
        setOver(false);
        if (!carries(event)) return;
        event.preventDefault();
        onDrop(event.dataTransfer);
      },
    },
  };
}

/** My Drive and its folders, what others shared, what was opened lately, the trash. */
export function DrivePage(props: DrivePageProps) {
  const { view, folderId } = props;
  const account = useAccount();
  const path = usePath();
  const q = new URLSearchParams(useSearch()).get('q')?.trim() ?? '';
  const [sorts, setSorts] = useState(firstSort);
  const sort = sorts[view];
  const searching = q !== '' && view === 'drive';
  const listing = useListing(queryOf(props, q, sort));
  const [sharing, setSharing] = useState<File | null>(null);
  const [moving, setMoving] = useState<File[] | null>(null);
  const filePicker = useRef<HTMLInputElement>(null);
  const folder = folderId ?? 'root';
  const takesFiles = view === 'drive' && !q;
  const title = q ? t('drive.results', { q }) : t(`drive.view.${view}`);
  const [heading, setHeading] = useState(title);

  useEffect(() => {
    document.title = t('app.title', { page: folderId && !q ? heading : title });
  }, [folderId, heading, title, q]);

  const drop = useFileDrop((data) => {
    addDropped(data, takesFiles ? folder : 'root').catch((error: unknown) =>
      toast({ kind: 'error', message: errorText(error) }),
    );
  }, view !== 'trash');

  const create: NewActions = {
    notebook: () =>
      void actions.createNotebook(takesFiles ? folder : 'root').then((file) => file && navigate(`/drive/${file.id}`)),
    folder: () => void actions.createFolder(takesFiles ? folder : 'root'),
    upload: () => filePicker.current?.click(),
  };
  const menuOf = (files: File[], rename: () => void): MenuItem[] =>
    fileMenu(files, {
      inTrash: view === 'trash',
      rename,
      share: setSharing,
      move: setMoving,
      open: (file) => navigate(actions.linkTo(file)),
      showIn: view === 'drive' && !q ? null : (file) => navigate(file.parent_id ? `/folders/${file.parent_id}` : '/'),
    });

  return (
    <div className="drive" {...drop.handlers}>
      <TopBar>
        <SearchBox value={q} view={view} />
      </TopBar>
      <DriveNav view={q ? null : view} create={create} />
      <main className="drive-main" id="main">
        <PreparationBanner />
        <StorageBanner />
        <div className="drive-head">
          {folderId && !q && listing.status !== 'failed' ? (
            <Crumbs folderId={folderId} onName={setHeading} />
          ) : (
            <h1 className="ui-truncate">{title}</h1>
          )}
          {view === 'trash' && listing.files.length > 0 && (
            <Button size="sm" icon="delete_forever" onClick={() => void actions.emptyTrash()}>
              {t('drive.action.emptyTrash')}
            </Button>
          )}
        </div>
        {view === 'trash' && <TrashNote />}
        {searching ? (
          <SearchResults q={q} me={account?.id ?? ''} />
        ) : (
          <Content {...{ ...props, q, create, listing }}>
            <FileList
              key={`${path}?${q}`}
              label={title}
              listing={listing}
              me={account?.id ?? ''}
              inTrash={view === 'trash'}
              sort={sort}
              onSort={(next) => setSorts({ ...sorts, [view]: next })}
              menu={menuOf}
              placeMenu={() =>
                takesFiles
                  ? newItems(create)
                  : [{ id: 'reload', label: t('drive.action.reload'), icon: 'refresh', onSelect: listing.reload }]
              }
            />
          </Content>
        )}
      </main>
      {drop.over && (
        <div className="drive-drop">
          <div>{t('drive.drop', { folder: takesFiles && folderId ? heading : t('drive.view.drive') })}</div>
        </div>
      )}
      <input
        ref={filePicker}
        type="file"
        multiple
        hidden
        aria-label={t('drive.new.upload')}
        onChange={(event) => {
          addFiles([...(event.target.files ?? [])], takesFiles ? folder : 'root');
          event.target.value = '';
        }}
      />
      <UploadPanel />
      {sharing && <ShareDialog file={sharing} onClose={() => setSharing(null)} />}
      {moving && (
        <MoveDialog files={moving} onClose={() => setMoving(null)} onMove={(to) => void actions.move(moving, to)} />
      )}
    </div>
  );
}

const newItems = (create: NewActions): MenuItem[] => [
  { id: 'notebook', label: t('drive.new.notebook'), icon: 'data_object', onSelect: create.notebook },
  { id: 'folder', label: t('drive.new.folder'), icon: 'create_new_folder', onSelect: create.folder },
  { id: 'upload', label: t('drive.new.upload'), icon: 'upload_file', onSelect: create.upload },
];

interface ContentProps extends DrivePageProps {
  q: string;
  create: NewActions;
  listing: ReturnType<typeof useListing>;
  children: React.ReactNode;
}

function Content({ view, folderId, q, create, listing, children }: ContentProps) {
  if (listing.status === 'loading') return <ListSkeleton />;
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
  if (listing.files.length > 0) return children;
  if (q) {
    return (
      <EmptyState icon="search" title={t('drive.empty.search.title', { q })}>
        {t('drive.empty.search.text')}
      </EmptyState>
    );
  }
  const place = view === 'drive' && folderId ? 'folder' : view;
  const icons = { drive: 'science', folder: 'folder', shared: 'group', recent: 'schedule', trash: 'delete' } as const;
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
