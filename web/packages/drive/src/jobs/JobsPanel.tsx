import { useSyncExternalStore } from 'react';
import { Button, Dialog, Progress, t } from '@labora/ui';
import { running, subscribe } from '../list/jobs';
import { showProblems, useProblems } from '../list/problems';
import './jobs.css';

/** What runs over many files, each with its progress and a way to stop it. */
export function JobsPanel() {
  const jobs = useSyncExternalStore(subscribe, running);
  if (jobs.length === 0) return null;
  return (
    <section className="jobs-panel" aria-label={t('files.jobs.panel')}>
      {jobs.map((job) => (
        <div key={job.id} className="jobs-job">
          <div className="jobs-text">
            <strong role="status">{job.title}</strong>
            {job.total > 1 && <span>{t('files.jobs.progress', { done: job.done, total: job.total })}</span>}
          </div>
          {/* Nobody knows how far one thing is. */}
          <Progress value={job.total > 1 ? job.done / job.total : null} label={job.title} />
          <Button size="sm" variant="quiet" onClick={job.stop} aria-label={t('files.jobs.stop', { title: job.title })}>
            {t('ui.cancel')}
          </Button>
        </div>
      ))}
    </section>
  );
}

const SHOWN = 200;

/** What of many files could not be done, and why. */
export function ProblemsDialog() {
  const problems = useProblems();
  if (!problems) return null;
  const close = () => showProblems(null);
  const { failures, again } = problems;
  return (
    <Dialog
      open
      onClose={close}
      title={problems.title}
      footer={
        <>
          <Button onClick={close}>{t('ui.close')}</Button>
          <Button
            variant="primary"
            icon="refresh"
            onClick={() => {
              close();
              again();
            }}
          >
            {t('ui.retry')}
          </Button>
        </>
      }
    >
      <ul className="problems">
        {failures.slice(0, SHOWN).map(({ file, reason }) => (
          <li key={file.id}>
            <strong className="ui-truncate">{file.name}</strong>
            <span>{reason}</span>
          </li>
        ))}
        {failures.length > SHOWN && <li>{t('files.problems.more', { count: failures.length - SHOWN })}</li>}
      </ul>
    </Dialog>
  );
}
