/**
 * Desktop notifications: of a long run that ended, and of a runtime whose end is near, while nobody looks at the page.
 * Permission is asked for by the person's own click on the command, never by the page.
 */
import { t, toast } from '@labora/ui';
import type { Execution, RuntimeState } from '@labora/document';
import type { Interface } from './interface';

/** A run that took less is not worth a notification. */
export const LONG_RUN_MS = 30_000;

export const canNotify = (): boolean => typeof Notification !== 'undefined';

export const notifies = (ui: Interface): boolean =>
  canNotify() && ui.preferences.get().notify && Notification.permission === 'granted';

/** Switches notifications on or off; on asks the browser for its leave where that is not decided yet. */
export async function setNotify(ui: Interface, on: boolean): Promise<void> {
  const granted = on && (await Notification.requestPermission()) === 'granted';
  ui.setPreference('notify', granted);
  if (granted) toast({ message: t('notebook.notify.on'), kind: 'ok' });
  else if (on) toast({ message: t('notebook.notify.refused'), kind: 'error' });
}

/** How long a run took in milliseconds; null for one that never ran. */
export function tookMs(execution: Execution): number | null {
  if (!execution.started_at || !execution.finished_at) return null;
  return Math.max(0, Date.parse(execution.finished_at) - Date.parse(execution.started_at));
}

/** Whether the end of a run is worth a notification: it ran long, and was somebody's own. */
export function isLong(execution: Execution, was: Execution | undefined, accountId: string | undefined): boolean {
  if (execution.account.id !== accountId || was?.status !== 'running' || execution.status === 'running') return false;
  return (tookMs(execution) ?? 0) >= LONG_RUN_MS;
}

/** What is new about the end of a runtime: it came near, or it came. */
export function endNews(now: RuntimeState | null, was: RuntimeState | null): 'ending' | 'ended' | null {
  if (!now || now.reason === 'user') return null;
  if (now.status === 'ended') return was !== null && was.status !== 'ended' ? 'ended' : null;
  return now.ends_at && !was?.ends_at ? 'ending' : null;
}
