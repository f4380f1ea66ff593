/** The owner's list: every runtime of this server, whose it is, and the button that ends it. */
import { api, type Runtime } from '@labora/api';
import { Banner, Button, confirm, errorText, formatWhen, t, toast } from '@labora/ui';
import './messages';
import './sessions.css';
import { Meters } from './Runtime';
import { useRuntimes } from './Sessions';

const load = () => api.allRuntimes();

export function Everyone() {
  const { runtimes, error, again } = useRuntimes(load);
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
  if (!runtimes) return null;
  if (runtimes.length === 0) return <p className="settings-text">{t('sessions.everyone.empty')}</p>;
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
