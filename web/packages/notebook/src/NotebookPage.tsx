/** The page of one notebook: a view on its room. */
import { lazy, Suspense, useEffect, useMemo, useState } from 'react';
import { loginAddress, NoAccess, rememberedAccount, useAccount, useInstance } from '@labora/drive/shell';
import { type OutputsHost, OutputsProvider } from '@labora/outputs';
import { Button, EmptyState, navigate, Spinner, t } from '@labora/ui';
import './messages';
import './private/messages';
import './live/messages';
import './live/live.css';
import './styles/page.css';
import './styles/cells.css';
import './styles/code.css';
import './styles/dialogs.css';
import './styles/usage.css';
import './comments/comments.css';
import './styles/small.css';
import { WidgetLink } from './widgets/link';
import { widgetModule } from './widgets/modules';
import { ControllerContext, useController, useStatus, useStore } from './model/context';
import { NotebookController } from './model/controller';
import { listenForKeys, showKeys } from './model/keys';
import { CommentsPanel } from './comments/CommentsPanel';
import { useLinkedComment } from './comments/hooks';
import { loadRecent } from './model/recent';
import { Banners } from './parts/Banners';
import { CellLink } from './parts/CellLink';
import { CellList } from './parts/CellList';
import { Contents } from './parts/Contents';
import { Dialogs } from './parts/Dialogs';
import { DriveConsent } from './parts/DriveConsent';
import { Header } from './parts/Header';
import { Notifier } from './parts/Notifier';
import { RunAnnouncer } from './parts/RunAnnouncer';
import { Toolbar } from './parts/Toolbar';
import { DatasetsSide } from './datasets/DatasetsSide';
import { SecretNotice, SecretsSide } from './secrets/SecretsButton';

export interface NotebookPageProps {
  fileId: string;
}

/** One controller for each mounted page, whose connection lives as long as the page is shown. */
function useNotebook(fileId: string): NotebookController | null {
  const [controller, setController] = useState<NotebookController | null>(null);
  useEffect(() => {
    const made = new NotebookController(fileId, rememberedAccount()?.id);
    setController(made);
    made.client.start();
    const unlisten = listenForKeys(made);
    const wake = () => made.client.wake();
    const doubt = () => made.client.doubt();
    const visibility = () => {
      const seen = document.visibilityState === 'visible';
      made.client.watch(seen);
      if (seen) made.client.wake();
      else made.client.pageHidden();
    };
    made.client.watch(document.visibilityState === 'visible');
    const hide = () => made.client.pageHidden();
    addEventListener('online', wake);
    addEventListener('offline', doubt);
    addEventListener('pagehide', hide);
    document.addEventListener('visibilitychange', visibility);
    return () => {
      unlisten();
      removeEventListener('online', wake);
      removeEventListener('offline', doubt);
      removeEventListener('pagehide', hide);
      document.removeEventListener('visibilitychange', visibility);
      made.client.stop();
    };
  }, [fileId]);
  return controller;
}

export function NotebookPage({ fileId }: NotebookPageProps) {
  const controller = useNotebook(fileId);
  if (!controller) return null;
  return (
    <ControllerContext value={controller}>
      <Page key={fileId} fileId={fileId} />
    </ControllerContext>
  );
}

/** The notebook's name and the number of the cell, of which any file system takes every character. */
function imageName(controller: NotebookController, cellId: string): string {
  const name = controller.client.status.get().file?.name.replace(/\.ipynb$/, '') ?? '';
  return `${name.replace(/[\\/:*?"<>|\s]+/g, '-').slice(0, 100)}-${controller.doc.indexOf(cellId) + 1}`;
}

function outputsHost(controller: NotebookController, externalImages: boolean): Partial<OutputsHost> {
  return {
    externalImages,
    imageName: (cellId) => imageName(controller, cellId),
    comms: (frame, post) => new WidgetLink(controller.client, frame, post, (name) => widgetModule(controller, name)),
    live: controller.live,
    restart: () => void controller.restart(),
    onFrameFocus: (cellId) => controller.ui.activate(cellId),
    onFrameKey(cellId, { key, ctrl, meta, shift, alt }) {
      controller.ui.activate(cellId);
      document.querySelector<HTMLElement>(`[data-cell="${CSS.escape(cellId)}"]`)?.focus();
      if (key === 'Escape') return;
      if (shift && !ctrl) controller.runAndAdvance();
      else if (alt) controller.runAndInsert();
      else if (ctrl || meta) controller.runSelected();
    },
  };
}

function Page({ fileId }: { fileId: string }) {
  const controller = useController();
  const { loaded, ended, file } = useStatus();
  const { contents, comments } = useStore(controller.ui.preferences);
  useLinkedComment(loaded);
  const { externalImages } = useInstance();
  const host = useMemo(() => outputsHost(controller, externalImages), [controller, externalImages]);
  const name = file?.name;
  useEffect(() => {
    if (name) document.title = `${name.replace(/\.ipynb$/, '')} · Labora`;
  }, [name]);
  useEffect(() => {
    if (loaded) void loadRecent();
  }, [loaded]);
  if (ended) return <Ended reason={ended} fileId={fileId} />;
  return (
    <OutputsProvider host={host}>
      <div className="nb-page">
        <header className="nb-top">
          <Header />
          <Toolbar />
        </header>
        <div className="nb-middle">
          {contents && <Contents />}
          <main id="main" tabIndex={-1} className="nb-body" aria-label={t('notebook.notebook')}>
            <Banners />
            <SecretNotice />
            {loaded ? <CellList /> : <Loading />}
            {loaded && <CellLink />}
          </main>
          {comments && loaded && <CommentsPanel />}
          <SecretsSide />
          <DatasetsSide />
        </div>
        <Suspense>
          <Dialogs />
        </Suspense>
        <DriveConsent />
        <Questions />
        <RunAnnouncer />
        <Notifier />
        <ChordHint />
      </div>
    </OutputsProvider>
  );
}

const LiveQuestions = lazy(async () => ({ default: (await import('./live/LiveQuestions')).LiveQuestions }));

function Questions() {
  const open = useStore(useController().live.questions.open);
  if (open.length === 0) return null;
  return (
    <Suspense>
      <LiveQuestions />
    </Suspense>
  );
}

function Loading() {
  return (
    <div className="nb-loading">
      <Spinner size={24} label={t('notebook.loading')} />
    </div>
  );
}

function ChordHint() {
  const chord = useStore(useController().ui.chord);
  return chord && <div className="nb-chord">{t('notebook.chord', { keys: showKeys(chord) })}</div>;
}

function Ended({ reason, fileId }: { reason: string; fileId: string }) {
  const account = useAccount();
  const [asking, setAsking] = useState(false);
  const act = () => {
    if (reason === 'version') location.reload();
    else navigate(reason === 'signed-out' ? loginAddress() : '/');
  };
  if (asking) {
    return (
      <main id="main" className="nb-ended">
        <NoAccess fileId={fileId} />
      </main>
    );
  }
  return (
    <main id="main" className="nb-ended">
      <EmptyState
        icon="info"
        title={t(`notebook.ended.${reason}.title`)}
        actions={
          <>
            <Button variant="primary" onClick={act}>
              {t(`notebook.ended.${reason}.action`)}
            </Button>
            {account && (reason === 'forbidden' || reason === 'missing') && (
              <Button onClick={() => setAsking(true)}>{t('access.ask')}</Button>
            )}
          </>
        }
      >
        {t(`notebook.ended.${reason}.text`)}
      </EmptyState>
    </main>
  );
}
