/** Which page an address shows. Every page is a chunk of its own. */
import { lazy, type ReactElement } from 'react';
import { matchPath } from '@labora/ui';

const DrivePage = lazy(async () => ({ default: (await import('@labora/drive')).DrivePage }));
const NotebookPage = lazy(async () => ({ default: (await import('@labora/notebook')).NotebookPage }));

type Parameters = Record<string, string>;

const routes: [pattern: string, page: (parameters: Parameters) => ReactElement][] = [
  ['/', () => <DrivePage view="drive" />],
  ['/folders/:id', ({ id }) => <DrivePage view="drive" folderId={id} />],
  ['/shared', () => <DrivePage view="shared" />],
  ['/recent', () => <DrivePage view="recent" />],
  ['/trash', () => <DrivePage view="trash" />],
  ['/drive/:id', ({ id = '' }) => <NotebookPage key={id} fileId={id} />],
];

export function pageFor(path: string): ReactElement | null {
  for (const [pattern, page] of routes) {
    const parameters = matchPath(pattern, path);
    if (parameters) return page(parameters);
  }
  return null;
}
