import { type DragEvent, useEffect, useRef, useState } from 'react';
import type { ListQuery, View } from '@labora/api';
import { errorText, navigate, t, toast, usePath, useSearch } from '@labora/ui';
import './messages';
import { useWay } from './Crumbs';
import { DriveNav } from './DriveNav';
import { FilePlace } from './FilePlace';
import { PreparationBanner } from './PreparationBanner';
import { SearchBox } from './SearchBox';
import { JobsPanel, ProblemsDialog } from './jobs/JobsPanel';
import type { Sort } from './list/Heads';
import * as actions from './list/actions';
import { carriesFiles, useFolderUnderDrag } from './list/drag';
import { SearchResults } from './search/SearchResults';
import { TopBar, useAccount } from './shell';
import { StorageBanner } from './storage/StorageBanner';
import type { NewActions } from './newItems';
import { setOpen } from './tree/folders';
import { UploadPanel } from './upload/UploadPanel';
import { addDropped, addFiles } from './upload/queue';
import { addTree } from './uploadTree';
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
  starred: { key: 'name', descending: false },
  trash: { key: 'trashed_at', descending: true },
};

function orderBy(view: View, sort: Sort): string {
  const key = `${sort.key}${sort.descending ? ' desc' : ''}`;
  return (view === 'drive' || view === 'starred') && sort.key === 'name' ? `folder,${key}` : key;
}

/** The question to the server that a place of the drive asks. What is typed in My Drive is searched on its own. */
function queryOf({ view, folderId }: DrivePageProps, q: string, sort: Sort): ListQuery {
  const name = view === 'drive' ? '' : q;
  return { view, name, orderBy: orderBy(view, sort), ...(view === 'drive' ? { folder: folderId ?? 'root' } : {}) };
}

/** Tells whether files from outside hang over the page; a counter, for enter and leave come for every element. */
function useFileDrop(onDrop: (data: DataTransfer) => void, enabled: boolean) {
  const [over, setOver] = useState(false);
  const depth = useRef(0);
  const carries = (event: DragEvent) => enabled && carriesFiles(event);
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
        // A folder of the page may have taken it already.
        if (!carries(event) || event.defaultPrevented) return;
        event.preventDefault();
        onDrop(event.dataTransfer);
      },
    },
  };
}

const failed = (error: unknown) => toast({ kind: 'error', message: errorText(error) });

/** My Drive and its folders, what others shared, what was opened lately or starred, the trash. */
export function DrivePage(props: DrivePageProps) {
  const { view, folderId } = props;
  const account = useAccount();
  const path = usePath();
  const q = new URLSearchParams(useSearch()).get('q')?.trim() ?? '';
  const [sorts, setSorts] = useState(firstSort);
  const sort = sorts[view];
  const searching = q !== '' && view === 'drive';
  const filePicker = useRef<HTMLInputElement>(null);
  const folderPicker = useRef<HTMLInputElement>(null);
  const takesFiles = view === 'drive' && !q;
  const place = takesFiles ? (folderId ?? 'root') : 'root';
  const title = q ? t('drive.results', { q }) : t(`drive.view.${view}`);
  const way = useWay(takesFiles ? (folderId ?? null) : null);
  const under = useFolderUnderDrag();
  const me = account?.id ?? '';

  const heading = way?.folder?.name ?? title;
  useEffect(() => {
    document.title = t('app.title', { page: heading });
  }, [heading]);

  // The tree shows where one is.
  useEffect(() => {
    if (!way?.folder || !way.above.some((folder) => folder.parent_id === null)) return;
    setOpen('root', true);
    for (const folder of way.above) if (folder.parent_id !== null && folder.id !== way.id) setOpen(folder.id, true);
  }, [way]);

  const drop = useFileDrop((data) => void addDropped(data, place).catch(failed), view !== 'trash');
  const create: NewActions = {
    notebook: () => void actions.createNotebook(place).then((file) => file && navigate(`/drive/${file.id}`)),
    folder: () => void actions.createFolder(place),
    upload: () => filePicker.current?.click(),
    uploadFolder: () => folderPicker.current?.click(),
  };

  return (
    <div className="drive" {...drop.handlers}>
      <TopBar>
        <SearchBox value={q} view={view} />
      </TopBar>
      <DriveNav view={q ? null : view} folderId={takesFiles ? (folderId ?? null) : null} items={create} />
      <main className="drive-main" id="main">
        <PreparationBanner />
        <StorageBanner />
        {searching ? (
          <>
            <div className="drive-head">
              <h1 className="ui-truncate">{title}</h1>
            </div>
            <SearchResults q={q} me={me} />
          </>
        ) : (
          <FilePlace
            key={`${path}?${q}`}
            {...{ view, title, way, q, me, sort, create }}
            folderId={folderId ?? null}
            query={queryOf(props, q, sort)}
            onSort={(next) => setSorts({ ...sorts, [view]: next })}
          />
        )}
      </main>
      {drop.over && (
        <div className="drive-drop">
          <div>{t('drive.drop', { folder: under ?? (takesFiles && folderId ? heading : t('drive.view.drive')) })}</div>
        </div>
      )}
      <input
        ref={filePicker}
        type="file"
        multiple
        hidden
        aria-label={t('drive.new.upload')}
        onChange={(event) => {
          addFiles([...(event.target.files ?? [])], place);
          event.target.value = '';
        }}
      />
      <input
        ref={folderPicker}
        type="file"
        hidden
        aria-label={t('files.uploadFolder')}
        {...{ webkitdirectory: '' }}
        onChange={(event) => {
          void addTree([...(event.target.files ?? [])], place).catch(failed);
          event.target.value = '';
        }}
      />
      <UploadPanel />
      <JobsPanel />
      <ProblemsDialog />
    </div>
  );
}
