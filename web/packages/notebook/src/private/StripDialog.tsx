/** Takes output out of every version that was saved before, with progress; it goes on from where it stopped. */
import { useEffect, useRef, useState } from 'react';
import { api } from '@labora/api';
import { Button, Dialog, Progress, errorText, t } from '@labora/ui';
import { useController } from '../model/context';

interface Work {
  lookedAt: number;
  total: number;
  changed: number;
  unreadable: number;
  last: number | null;
}

export function StripDialog({ onClose }: { onClose: () => void }) {
  const { fileId } = useController();
  const [work, setWork] = useState<Work | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [running, setRunning] = useState(false);
  const open = useRef(true);
  useEffect(() => {
    open.current = true;
    return () => void (open.current = false);
  }, []);

  async function run() {
    let done: Work = work?.last ? work : { lookedAt: 0, total: 0, changed: 0, unreadable: 0, last: 0 };
    setProblem(null);
    setRunning(true);
    try {
      while (done.last !== null && open.current) {
        const step = await api.stripOutputs(fileId, done.last);
        done = {
          lookedAt: done.lookedAt + step.looked_at,
          total: step.total,
          changed: done.changed + step.changed,
          unreadable: done.unreadable + step.unreadable,
          last: step.last,
        };
        setWork(done);
      }
    } catch (error) {
      setProblem(errorText(error));
    }
    setRunning(false);
  }

  const finished = work?.last === null;
  return (
    <Dialog
      open
      onClose={onClose}
      title={t(finished ? 'private.old.doneTitle' : 'private.old.title')}
      description={finished ? undefined : t('private.old.text')}
      footer={
        finished ? (
          <Button variant="primary" data-autofocus onClick={onClose}>
            {t('ui.done')}
          </Button>
        ) : (
          <>
            <Button onClick={onClose}>{t('private.old.later')}</Button>
            <Button variant="danger" busy={running} onClick={() => void run()}>
              {t('private.old.run')}
            </Button>
          </>
        )
      }
    >
      <div role="status" className="nb-strip">
        {running && (
          <>
            <Progress
              value={work && work.total > 0 ? work.lookedAt / work.total : null}
              label={t('private.old.title')}
            />
            {work && <p>{t('private.old.progress', { count: work.lookedAt, total: work.total })}</p>}
          </>
        )}
        {finished && <p>{work.changed > 0 ? t('private.old.done', { count: work.changed }) : t('private.old.none')}</p>}
        {finished && work.unreadable > 0 && <p>{t('private.old.unreadable', { count: work.unreadable })}</p>}
      </div>
      {problem && (
        <p role="alert" className="nb-strip-problem">
          {t('private.old.stopped', { message: problem })}
        </p>
      )}
    </Dialog>
  );
}
