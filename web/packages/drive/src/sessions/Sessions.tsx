/** Every runtime of the account with what can be done about it; the same in the dialog and on the page. */
import { useCallback, useEffect, useState } from 'react';
import { api, type Runtime, type RuntimeKernel } from '@labora/api';
import { Banner, Button, confirm, EmptyState, errorText, formatDuration, Spinner, t, toast } from '@labora/ui';
import './messages';
import './sessions.css';
import { RuntimeCard } from './Runtime';

const EVERY_MS = 4_000;

/** Looks again every few seconds while the page is seen. */
export function useRuntimes<Found>(load: () => Promise<Found>) {
  const [runtimes, setRuntimes] = useState<Found | null>(null);
  const [error, setError] = useState<unknown>(null);
  const again = useCallback(async () => {
    try {
      setRuntimes(await load());
      setError(null);
    } catch (reason) {
      setError(reason);
    }
  }, [load]);
  useEffect(() => {
    void again();
    const timer = setInterval(() => document.visibilityState === 'visible' && void again(), EVERY_MS);
    return () => clearInterval(timer);
  }, [again]);
  return { runtimes, error, again };
}

/** Asks first, then ends every runtime of the account; says when it may be done again. True when they ended. */
export async function resetAll(): Promise<boolean> {
  const agreed = await confirm({
    title: t('sessions.resetTitle'),
    message: t('sessions.resetText'),
    action: t('sessions.resetAction'),
    danger: true,
  });
  if (!agreed) return false;
  return done(api.resetRuntimes(), t('sessions.resetDone'));
}

async function done(work: Promise<unknown>, message?: string): Promise<boolean> {
  try {
    await work;
    if (message) toast({ message, kind: 'ok' });
    return true;
  } catch (error) {
    toast({ kind: 'error', message: errorText(error) });
    return false;
  }
}

/** Puts the end of an idle runtime off, and says how long. */
export async function keepRuntime(id: string): Promise<void> {
  try {
    const kept = await api.keepRuntime(id);
    const ends = Date.parse(kept.idle_ends_at ?? kept.deadline_at ?? '');
    const time = formatDuration(Math.max(1, (ends - Date.now()) / 1000));
    toast({ message: t(Number.isNaN(ends) ? 'sessions.keptPlain' : 'sessions.kept', { time }), kind: 'ok' });
  } catch (error) {
    toast({ kind: 'error', message: errorText(error) });
  }
}

const load = () => api.runtimes();

export function Sessions() {
  const { runtimes, error, again } = useRuntimes(load);
  async function end(runtime: Runtime) {
    const agreed = await confirm({
      title: t('sessions.endTitle'),
      message: t('sessions.endText'),
      action: t('sessions.endAction'),
      danger: true,
    });
    if (agreed) await done(api.endRuntime(runtime.id), t('sessions.ended')).then(again);
  }
  const kernels = (runtime: Runtime) => ({
    interrupt: (kernel: RuntimeKernel) => void done(api.interruptKernel(runtime.id, kernel.kernel_id)).then(again),
    async restart(kernel: RuntimeKernel) {
      const agreed = await confirm({
        title: t('sessions.restartTitle', { name: kernel.name ?? '' }),
        message: t('sessions.restartText'),
        action: t('sessions.restart'),
      });
      if (agreed) await done(api.restartKernel(runtime.id, kernel.kernel_id)).then(again);
    },
  });
  if (error !== null && !runtimes) return <Banner kind="error">{errorText(error)}</Banner>;
  if (!runtimes) return <Spinner label={t('sessions.loading')} />;
  if (runtimes.length === 0) {
    return (
      <EmptyState icon="memory" title={t('sessions.empty.title')}>
        {t('sessions.empty.text')}
      </EmptyState>
    );
  }
  return (
    <>
      <ul className="runtime-list">
        {runtimes.map((runtime) => (
          <RuntimeCard
            key={runtime.id}
            runtime={runtime}
            kernels={kernels(runtime)}
            onKeep={() => void keepRuntime(runtime.id).then(again)}
            onEnd={() => void end(runtime)}
          />
        ))}
      </ul>
      <Button className="runtime-reset" icon="restart_alt" onClick={() => void resetAll().then(again)}>
        {t('sessions.reset')}
      </Button>
    </>
  );
}
