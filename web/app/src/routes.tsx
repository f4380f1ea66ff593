/** Which page an address shows. Every page is a chunk of its own. */
import { type ReactElement, lazy, useEffect, useState } from 'react';
import { api } from '@labora/api';
import { knownKind, rememberedAccount, rememberKinds } from '@labora/drive/shell';
import { matchPath } from '@labora/ui';

const DrivePage = lazy(async () => ({ default: (await import('@labora/drive')).DrivePage }));
const FilePage = lazy(async () => ({ default: (await import('@labora/drive')).FilePage }));
const NotebookPage = lazy(async () => ({ default: (await import('@labora/notebook')).NotebookPage }));
const ImportPage = lazy(async () => ({ default: (await import('@labora/drive/exchange')).ImportPage }));
const GitHubPage = lazy(async () => ({ default: (await import('@labora/drive/exchange')).GitHubPage }));
const HistoryPage = lazy(async () => ({ default: (await import('@labora/history')).HistoryPage }));
const ComparePage = lazy(async () => ({ default: (await import('@labora/history')).ComparePage }));
const LoginPage = lazy(async () => ({ default: (await import('./pages/LoginPage')).LoginPage }));
const SetupPage = lazy(async () => ({ default: (await import('./pages/NewAccountPages')).SetupPage }));
const InvitePage = lazy(async () => ({ default: (await import('./pages/NewAccountPages')).InvitePage }));
const ResetPage = lazy(async () => ({ default: (await import('./pages/ResetPage')).ResetPage }));
const SettingsPage = lazy(async () => ({ default: (await import('./pages/SettingsPage')).SettingsPage }));
const RuntimesPage = lazy(async () => ({ default: (await import('./pages/RuntimesPage')).RuntimesPage }));
const PortPage = lazy(async () => ({ default: (await import('@labora/drive/sessions')).PortPage }));
const GroupsPage = lazy(async () => ({ default: (await import('./pages/GroupsPage')).GroupsPage }));
const PeoplePage = lazy(async () => ({ default: (await import('./pages/PeoplePage')).PeoplePage }));

/** Whether this browser can show the notebook without the server. */
async function keptHere(fileId: string): Promise<boolean> {
  const account = rememberedAccount();
  if (!account) return false;
  const { keptNotebook } = await import('@labora/document');
  return (await keptNotebook(account.id, fileId).catch(() => null)) !== null;
}

/** A notebook opens as one; of any other file its details show. A failure is told on the file's page. */
function Opened({ fileId }: { fileId: string }) {
  const [kind, setKind] = useState(() => knownKind(fileId) ?? null);
  useEffect(() => {
    if (kind !== null) return;
    const control = new AbortController();
    // The notebook's code is fetched meanwhile: most of what is opened is one.
    void import('@labora/notebook');
    api
      .file(fileId, control.signal)
      .then((file) => {
        rememberKinds([file]);
        setKind(file.kind);
      })
      .catch(async () => {
        const kept = await keptHere(fileId);
        if (!control.signal.aborted) setKind(kept ? 'notebook' : 'file');
      });
    return () => control.abort();
  }, [fileId, kind]);
  if (kind === null) return null;
  return kind === 'notebook' ? <NotebookPage fileId={fileId} /> : <FilePage fileId={fileId} />;
}

type Parameters = Record<string, string>;

const routes: [pattern: string, page: (parameters: Parameters) => ReactElement][] = [
  ['/', () => <DrivePage view="drive" />],
  ['/folders/:id', ({ id }) => <DrivePage view="drive" folderId={id} />],
  ['/shared', () => <DrivePage view="shared" />],
  ['/recent', () => <DrivePage view="recent" />],
  ['/starred', () => <DrivePage view="starred" />],
  ['/trash', () => <DrivePage view="trash" />],
  ['/drive/:id', ({ id = '' }) => <Opened key={id} fileId={id} />],
  ['/drive/:id/history', ({ id = '' }) => <HistoryPage key={id} fileId={id} />],
  ['/compare', () => <ComparePage />],
  ['/url', () => <ImportPage />],
  ['/github', () => <GitHubPage />],
  ['/github/:owner', ({ owner }) => <GitHubPage key={owner} owner={owner} />],
  ['/github/:owner/:repo', ({ owner, repo }) => <GitHubPage key={`${owner}/${repo}`} owner={owner} repo={repo} />],
  [
    '/github/:owner/:repo/blob/:branch',
    ({ owner, repo, branch }) => <GitHubPage key={`${owner}/${repo}`} owner={owner} repo={repo} branch={branch} />,
  ],
  ['/settings', () => <SettingsPage />],
  ['/runtimes', () => <RuntimesPage />],
  ['/port/:runtime/:port', ({ runtime = '', port = '' }) => <PortPage runtime={runtime} port={Number(port)} />],
  ['/people', () => <PeoplePage />],
  ['/groups', () => <GroupsPage />],
  ['/login', () => <LoginPage />],
  ['/setup', () => <SetupPage />],
  ['/invite', () => <InvitePage />],
  ['/reset', () => <ResetPage />],
];

const publicPaths = new Set(['/login', '/setup', '/invite', '/reset']);

/** Pages that may show what this browser keeps while the server cannot be reached. */
export const isNotebookPath = (path: string): boolean => matchPath('/drive/:id', path) !== null;

/** Pages that need nobody signed in. */
export const isPublicPath = (path: string): boolean => publicPaths.has(path.replace(/\/$/, ''));

export function pageFor(path: string): ReactElement | null {
  for (const [pattern, page] of routes) {
    const parameters = matchPath(pattern, path);
    if (parameters) return page(parameters);
  }
  // A path of any depth follows.
  if (/^\/(github\/[^/]+\/[^/]+\/blob\/[^/]+\/.|gist\/.)/.test(path)) return <ImportPage />;
  return null;
}
