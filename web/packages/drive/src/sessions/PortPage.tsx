/** The way from the app to a web app of a runtime: a ticket for whoever is signed in, and on to the port's own host. */
import { useCallback, useEffect, useState } from 'react';
import { api, isApiError } from '@labora/api';
import { Button, EmptyState, errorText, Spinner, t } from '@labora/ui';
import './messages';

const BOUNCES = 3;
const BOUNCE_MS = 10_000;

/** Counts how often this tab was sent to one port within seconds: a browser without cookies comes back for ever. */
function bounced(name: string): boolean {
  const key = `port:${name}`;
  const now = Date.now();
  try {
    const before = (JSON.parse(sessionStorage.getItem(key) ?? '[]') as number[]).filter((at) => now - at < BOUNCE_MS);
    sessionStorage.setItem(key, JSON.stringify([...before, now]));
    return before.length >= BOUNCES;
  } catch {
    return false;
  }
}

export function PortPage({ runtime, port }: { runtime: string; port: number }) {
  const [problem, setProblem] = useState<{ title: string; text: string } | null>(null);
  const open = useCallback(async () => {
    setProblem(null);
    try {
      const path = new URLSearchParams(location.search).get('to') ?? '/';
      location.replace((await api.openPort(runtime, port, { path })).ticket_url);
    } catch (error) {
      const gone = isApiError(error) && (error.status === 404 || error.status === 410);
      setProblem({
        title: t(gone ? 'sessions.ports.gone' : 'sessions.ports.failed'),
        text: gone ? t('sessions.ports.goneText') : errorText(error),
      });
    }
  }, [runtime, port]);
  useEffect(() => {
    document.title = t('app.title', { page: t('sessions.ports.port', { port: String(port) }) });
    if (bounced(`${runtime}/${port}`)) {
      setProblem({ title: t('sessions.ports.failed'), text: t('sessions.ports.cookies') });
    } else {
      void open();
    }
  }, [runtime, port, open]);
  return (
    <main className="alone" id="main">
      {problem === null ? (
        <Spinner size={28} label={t('sessions.ports.opening')} />
      ) : (
        <EmptyState
          icon="link"
          title={problem.title}
          actions={<Button onClick={() => void open()}>{t('ui.retry')}</Button>}
        >
          {problem.text}
        </EmptyState>
      )}
    </main>
  );
}
