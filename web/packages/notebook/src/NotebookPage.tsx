export interface NotebookPageProps {
  fileId: string;
}

export function NotebookPage({ fileId }: NotebookPageProps) {
  return <main data-file={fileId} />;
}
