/** Playgrounds: private copies to try a notebook on. */
import { api } from '@labora/api';
import { errorText, navigate, t, toast } from '@labora/ui';
import type { NotebookController } from '../model/controller';

/** Cells that shall run as soon as the playground is open, by its file. */
const waiting = new Map<string, readonly string[]>();

/** Opens this person's playground of the notebook and runs cells there. */
export async function openPlayground(controller: NotebookController, cells: readonly string[] = []): Promise<void> {
  try {
    const file = await api.openPlayground(controller.fileId);
    if (cells.length > 0) waiting.set(file.id, cells);
    navigate(`/drive/${file.id}`);
  } catch (error) {
    toast({ message: errorText(error), kind: 'error' });
  }
}

/** Whether this person can have a playground of the notebook: they may copy it, and it is none itself. */
export function canPlay(controller: NotebookController): boolean {
  const { abilities, file, readOnlyReason } = controller.client.status.get();
  return abilities.includes('copy') && !file?.playground_of && readOnlyReason === null && !file?.trashed_at;
}

/** Runs what was asked for in the original, once. */
export function runWaiting(controller: NotebookController): void {
  const cells = waiting.get(controller.fileId);
  if (!cells) return;
  waiting.delete(controller.fileId);
  toast({ message: t('private.playground.running') });
  const [first] = cells;
  if (first) controller.ui.activate(first);
  controller.run(cells);
}
