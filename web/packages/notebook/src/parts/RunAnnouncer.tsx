/** Tells a screen reader how the runs of this account ended. */
import { useEffect } from 'react';
import { t } from '@labora/ui';
import { useController, useStore } from '../model/context';

export function RunAnnouncer() {
  const controller = useController();
  const { room, doc, ui, client } = controller;
  const text = useStore(ui.announcement);
  useEffect(() => {
    let before = room.state.executions;
    return room.on('executions', () => {
      const now = room.state.executions;
      const me = client.status.get().account?.id;
      for (const execution of Object.values(now)) {
        const was = before[execution.id];
        if (was === execution || was?.status !== 'running' || execution.account.id !== me) continue;
        const index = doc.indexOf(execution.cell_id) + 1;
        if (execution.status === 'ok') ui.announce(t('notebook.run.endedOk', { index }));
        else if (execution.status !== 'running') ui.announce(t('notebook.run.endedError', { index }));
      }
      before = now;
    });
  }, [room, doc, ui, client]);
  return (
    <div className="ui-hidden" role="status" aria-live="polite">
      {text}
    </div>
  );
}
