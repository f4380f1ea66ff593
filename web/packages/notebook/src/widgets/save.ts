/** Keeps the widgets as they are now in the notebook itself, so that they are drawn where no kernel runs. */
import { t, toast } from '@labora/ui';
import type { NotebookController } from '../model/controller';
import './messages';

/** Whether this account has widgets that live in the notebook. */
export function hasWidgets(controller: NotebookController): boolean {
  const me = controller.client.status.get().account?.id;
  return controller.canEdit && me !== undefined && controller.client.comms.models(me).size > 0;
}

export async function saveWidgets(controller: NotebookController): Promise<void> {
  const me = controller.client.status.get().account?.id ?? '';
  const count = controller.client.comms.models(me).size;
  if ((await controller.send('save_widgets')) === null) return;
  toast({ message: t('widgets.saved', { count }), kind: 'ok' });
}
