/** Shows desktop notifications while nobody looks at the page. */
import { useEffect } from 'react';
import type { Execution } from '@labora/document';
import { formatDuration, t } from '@labora/ui';
import { useController } from '../model/context';
import type { NotebookController } from '../model/controller';
import { endNews, isLong, notifies, tookMs } from '../model/notify';

function show(controller: NotebookController, title: string, body: string): void {
  if (document.visibilityState === 'visible' || !notifies(controller.ui)) return;
  const shown = new Notification(title, { body, tag: `labora-${controller.fileId}`, icon: '/favicon.svg' });
  shown.onclick = () => {
    window.focus();
    shown.close();
  };
}

const nameOf = ({ client }: NotebookController): string =>
  (client.status.get().file?.name ?? '').replace(/\.ipynb$/i, '');

function runEnded(controller: NotebookController, execution: Execution): void {
  const outcome = { ok: 'cellOk', error: 'cellError' }[execution.status as string] ?? 'cellLost';
  const index = controller.doc.indexOf(execution.cell_id) + 1;
  const time = formatDuration((tookMs(execution) ?? 0) / 1000);
  show(
    controller,
    t(`notebook.notify.${outcome}`, { index }),
    t('notebook.notify.after', { name: nameOf(controller), time }),
  );
}

function tellOfRuns(controller: NotebookController): () => void {
  const { room, client } = controller;
  let before = room.state.executions;
  return room.on('executions', () => {
    const now = room.state.executions;
    const me = client.status.get().account?.id;
    for (const execution of Object.values(now))
      if (execution !== before[execution.id] && isLong(execution, before[execution.id], me))
        runEnded(controller, execution);
    before = now;
  });
}

function tellOfTheEnd(controller: NotebookController): () => void {
  const { client } = controller;
  let before = controller.runtime;
  return controller.room.on('runtimes', () => {
    const now = controller.runtime;
    const news = endNews(now, before);
    before = now;
    if (!now || !news) return;
    const name = nameOf(controller);
    if (news === 'ended') return show(controller, t('notebook.notify.ended'), `${name}: ${now.message ?? ''}`);
    const left = Date.parse(now.ends_at ?? '') - Date.now() - client.status.get().clockSkew;
    const body = t(now.ends_reason === 'idle' ? 'notebook.notify.endingIdle' : 'notebook.notify.endingLifetime', {
      name,
    });
    show(controller, t('notebook.notify.ending', { time: formatDuration(Math.max(1, left / 1000)) }), body);
  });
}

export function Notifier() {
  const controller = useController();
  useEffect(() => tellOfRuns(controller), [controller]);
  useEffect(() => tellOfTheEnd(controller), [controller]);
  return null;
}
