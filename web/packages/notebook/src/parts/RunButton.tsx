/** Runs, stops and tells how the run went. */
import { useEffect, useState } from 'react';
import { formatDuration, formatWhen, Icon, Spinner, t } from '@labora/ui';
import type { CellRun, Execution } from '@labora/document';
import { useController, useRun, useStore } from '../model/context';

const seconds = (from: string | null, to: number): number => (from ? Math.max(0, (to - Date.parse(from)) / 1000) : 0);

/** The time, once a second, while something runs. */
function useNow(on: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!on) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [on]);
  return now;
}

function taken(execution: Execution, now: number): number {
  return seconds(execution.started_at, execution.finished_at ? Date.parse(execution.finished_at) : now);
}

/** A duration that fits beside the cell: 0.4 s, 2:05, 1:02:05. */
function narrow(time: number): string {
  if (time < 59.5) return formatDuration(time);
  const whole = Math.round(time);
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Whole seconds while it runs, and nothing in the first one: a quick run shows no flicker. */
function elapsed(execution: Execution, now: number): string | null {
  const whole = Math.floor(seconds(execution.started_at, now));
  return whole < 1 ? null : narrow(whole);
}

function tooltip(run: CellRun, asked: boolean, now: number): string {
  const { execution } = run;
  if (asked && execution?.status !== 'queued') return t('notebook.run.asked');
  if (!execution) return t('notebook.run.run');
  const time = formatDuration(taken(execution, now));
  const by = t('notebook.run.by', {
    name: execution.account.name,
    when: formatWhen(execution.started_at ?? execution.queued_at),
  });
  const how = {
    queued: () => t('notebook.run.queued', { place: run.queued }),
    running: () => t('notebook.run.running', { time }),
    ok: () => t('notebook.run.ok', { time }),
    error: () => t('notebook.run.error', { time }),
    aborted: () =>
      execution.reason ? t('notebook.run.aborted', { reason: execution.reason }) : t('notebook.run.abortedPlain'),
    lost: () => t('notebook.run.lost'),
  }[execution.status]();
  // The server's reason is a sentence of its own.
  return execution.status === 'aborted' ? how : `${how}. ${by}`;
}

export function RunButton({ cellId }: { cellId: string }) {
  const controller = useController();
  const run = useRun(cellId);
  const asked = useStore(controller.ui.asked).has(cellId);
  const status = run.execution?.status;
  const running = status === 'running';
  const waiting = status === 'queued' || asked;
  const now = useNow(running);
  const action = running ? t('notebook.run.stop') : waiting ? t('notebook.run.cancel') : t('notebook.run.run');
  const state = running ? 'running' : waiting ? 'queued' : (status ?? 'idle');
  const count = run.state?.execution_count;
  const idle = (
    <span className="nb-count" aria-hidden="true">
      [{count ?? ' '}]
    </span>
  );

  function press() {
    // Commands are handled in order, so that a run that is not confirmed yet can be taken back too.
    if (running || waiting) controller.cancel(cellId);
    else {
      controller.ui.activate(cellId);
      controller.run([cellId]);
    }
  }
  return (
    <div className="nb-gutter">
      <button
        type="button"
        className={`nb-run nb-run-${state}`}
        aria-label={count === null || count === undefined ? action : `${action} [${count}]`}
        title={tooltip(run, asked, now)}
        data-state={state}
        onClick={press}
      >
        {running ? (
          <>
            <Spinner size={28} />
            <Icon name="stop-fill" size={16} />
          </>
        ) : waiting ? (
          <Icon name="schedule" size={18} />
        ) : (
          <>
            {idle}
            <Icon name="play_arrow-fill" size={22} />
          </>
        )}
      </button>
      <span className="nb-run-note" aria-hidden="true">
        {running && run.execution ? elapsed(run.execution, now) : null}
        {waiting && !running ? (run.queued > 0 ? `#${run.queued}` : '…') : null}
        {!waiting && status === 'ok' && run.execution?.finished_at ? (
          <>
            <Icon name="check" size={12} className="nb-ok" />
            {narrow(taken(run.execution, now))}
          </>
        ) : null}
        {!waiting && (status === 'error' || status === 'lost') ? (
          <Icon name="error-fill" size={14} className="nb-failed" />
        ) : null}
      </span>
    </div>
  );
}
