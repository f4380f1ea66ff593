/** The owner's list: every runtime of this server, whose it is, and the button that ends it. */
import { api, type AllRuntimes, type Runtime } from '@labora/api';
import { Banner, Button, confirm, errorText, formatWhen, t, toast } from '@labora/ui';
import './messages';
import './sessions.css';
import { Meters } from './Runtime';
import { useRuntimes } from './Sessions';

const load = () => api.allRuntimes();

export function Everyone() {
  const { runtimes: found, error, again } = useRuntimes(load);
  async function end(runtime: Runtime, name: string) {
    const agreed = await confirm({
      title: t('sessions.everyone.endTitle', { name }),
      message: t('sessions.everyone.endText'),
      action: t('sessions.everyone.end'),
      danger: true,
    });
    if (!agreed) return;
    await api.endAnyRuntime(runtime.id).catch((reason: unknown) => {
      toast({ kind: 'error', message: errorText(reason) });
    });
    await again();
  }
  if (error !== null) return <Banner kind="error">{errorText(error)}</Banner>;
  if (!found) return null;
  return (
    <>
      {found.runtimes.length > 0 ? (
        <Rows runtimes={found.runtimes} end={end} />
      ) : (
        <p className="settings-text">{t('sessions.everyone.empty')}</p>
      )}
      <Warm warm={found.warm} />
    </>
  );
}

/** Machines that stand ready, and why there are none although there should be. */
function Warm({ warm }: { warm: AllRuntimes['warm'] }) {
  if (warm.wanted === 0) return null;
  return (
    <>
      <p className="settings-text">{t('sessions.everyone.warm', { count: warm.ready })}</p>
      {warm.problem !== null && (
        <Banner kind="warn">{t('sessions.everyone.warmProblem', { problem: warm.problem })}</Banner>
      )}
    </>
  );
}

function Rows({ runtimes, end }: { runtimes: Runtime[]; end: (runtime: Runtime, name: string) => Promise<void> }) {
  return (
    <ul className="rows rows-card">
      {runtimes.map((runtime) => {
        const name = runtime.account?.name ?? '';
        return (
          <li key={runtime.id} className="everyone-row">
            <div className="runtime-main">
              <strong className="ui-truncate">{t('sessions.of', { name, login: runtime.account?.login ?? '' })}</strong>
              <span className="runtime-note">
                {t('sessions.started')} {formatWhen(runtime.started_at ?? runtime.created_at)}
              </span>
            </div>
            <Meters runtime={runtime} />
            <Button
              size="sm"
              aria-label={t('sessions.everyone.endOf', { name })}
              onClick={() => void end(runtime, name)}
            >
              {t('sessions.everyone.end')}
            </Button>
          </li>
        );
      })}
    </ul>
  );
}
