/** Runtimes that have ended: when, how long, why, and what they used. */
import { useCallback, useEffect, useState } from 'react';
import { api, type EndedRuntime } from '@labora/api';
import { Banner, Button, errorText, formatBytes, formatDateTime, formatDuration, formatWhen, t } from '@labora/ui';
import './messages';
import './sessions.css';

function Row({ runtime }: { runtime: EndedRuntime }) {
  return (
    <tr data-reason={runtime.reason}>
      <td data-label={t('sessions.history.ended')}>
        <time dateTime={runtime.ended_at} title={formatDateTime(runtime.ended_at)}>
          {formatWhen(runtime.ended_at)}
        </time>
      </td>
      <td data-label={t('sessions.history.lived')}>{formatDuration(runtime.seconds)}</td>
      <td data-label={t('sessions.history.why')}>{runtime.message}</td>
      <td data-label={t('sessions.history.cpu')}>
        {runtime.cpu_seconds === null ? '–' : formatDuration(runtime.cpu_seconds)}
      </td>
      <td data-label={t('sessions.history.peak')}>
        {runtime.peak_memory_bytes === null ? '–' : formatBytes(runtime.peak_memory_bytes)}
      </td>
    </tr>
  );
}

export function History() {
  const [ended, setEnded] = useState<EndedRuntime[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [days, setDays] = useState(0);
  const [error, setError] = useState<unknown>(null);
  const load = useCallback(async (token: string | null) => {
    try {
      const page = await api.runtimeHistory(token ?? undefined);
      setEnded((known) => [...(token === null ? [] : (known ?? [])), ...page.runtimes]);
      setNext(page.nextPageToken);
      setDays(Math.round(page.history_days));
    } catch (reason) {
      setError(reason);
    }
  }, []);
  useEffect(() => void load(null), [load]);
  if (error !== null) return <Banner kind="error">{errorText(error)}</Banner>;
  if (!ended) return null;
  if (ended.length === 0) return <p className="settings-text">{t('sessions.history.empty')}</p>;
  const heads = ['ended', 'lived', 'why', 'cpu', 'peak'];
  return (
    <>
      <p className="settings-text">{t('sessions.history.intro', { count: days })}</p>
      <table className="history-table">
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {t(`sessions.history.${head}`)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {ended.map((runtime) => (
            <Row key={runtime.id} runtime={runtime} />
          ))}
        </tbody>
      </table>
      {next !== null && <Button onClick={() => void load(next)}>{t('sessions.history.more')}</Button>}
    </>
  );
}
