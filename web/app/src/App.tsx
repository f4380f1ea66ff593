import { Component, type ReactNode, Suspense, useEffect } from 'react';
import { useAccount } from '@labora/drive/shell';
import {
  Button,
  EmptyState,
  Logo,
  Questions,
  Spinner,
  Toaster,
  TooltipProvider,
  navigate,
  t,
  usePath,
} from '@labora/ui';
import { isNotebookPath, isPublicPath, pageFor } from './routes';
import { toLogin, useStart } from './session';

function Alone({ children }: { children: ReactNode }) {
  return (
    <main className="alone">
      <Logo size={40} />
      {children}
    </main>
  );
}

/** A page that fails says so; the others go on. A new build may also have taken a page's file away: reloading helps. */
class Guard extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <Alone>
        <EmptyState
          icon="error"
          title={t('app.crashed.title')}
          actions={
            <Button variant="primary" icon="refresh" onClick={() => location.reload()}>
              {t('app.crashed.action')}
            </Button>
          }
        >
          {t('app.crashed.text')}
        </EmptyState>
      </Alone>
    );
  }
}

const Waiting = () => (
  <div className="waiting">
    <Spinner size={28} label={t('app.loading')} />
  </div>
);

/** A guest goes from a file that is open by link to another page. */
function SignInFirst() {
  useEffect(toLogin, []);
  return <Waiting />;
}

function Page() {
  const path = usePath();
  const start = useStart(isPublicPath(path));
  const account = useAccount();
  const page = pageFor(path);
  if (!page) {
    return (
      <Alone>
        <EmptyState
          icon="search"
          title={t('app.notFound.title')}
          actions={<Button onClick={() => navigate('/')}>{t('app.home')}</Button>}
        >
          {t('app.notFound.text')}
        </EmptyState>
      </Alone>
    );
  }
  if (isPublicPath(path)) return page;
  if (start === 'offline' && !(isNotebookPath(path) && account)) {
    return (
      <Alone>
        <EmptyState icon="cloud_off" title={t('app.offline.title')}>
          {t('app.offline.text')}
        </EmptyState>
      </Alone>
    );
  }
  if (start === 'not-set-up') {
    return (
      <Alone>
        <EmptyState icon="science" title={t('app.notSetUp.title')}>
          {t('app.notSetUp.text')}
        </EmptyState>
      </Alone>
    );
  }
  if (start === 'guest' && !isNotebookPath(path)) return <SignInFirst />;
  return start === 'ready' || start === 'offline' || start === 'guest' ? page : <Waiting />;
}

export function App() {
  return (
    <TooltipProvider>
      <a className="skip" href="#main">
        {t('app.skip')}
      </a>
      <Guard>
        <Suspense fallback={<Waiting />}>
          <Page />
        </Suspense>
      </Guard>
      <Questions />
      <Toaster />
    </TooltipProvider>
  );
}
