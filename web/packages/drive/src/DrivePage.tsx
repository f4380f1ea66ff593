export type DriveView = 'drive' | 'shared' | 'recent' | 'trash';

export interface DrivePageProps {
  view: DriveView;
  folderId?: string;
}

export function DrivePage({ view, folderId }: DrivePageProps) {
  return <main data-view={view} data-folder={folderId} />;
}
