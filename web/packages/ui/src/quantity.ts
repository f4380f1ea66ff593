/** How much of something limited is in use, and how near that is to its end. */

/** From this share on a quantity is high, and from the second on it is nearly gone. */
export const HIGH = 0.8;
export const FULL = 0.95;
/** A kernel that has owed an answer for so many seconds does not respond, whatever it runs. */
export const SILENT_S = 10;

export type Level = 'ok' | 'high' | 'full';

export const levelOf = (share: number | null): Level =>
  share === null || share < HIGH ? 'ok' : share < FULL ? 'high' : 'full';

/** The share in use, 0 to 1; null where either figure is not known. */
export function shareOf(used: number | null | undefined, limit: number | null | undefined): number | null {
  if (typeof used !== 'number' || typeof limit !== 'number' || limit <= 0) return null;
  return Math.min(1, used / limit);
}

export const isSilent = (kernel: { silent_s: number } | null | undefined): boolean =>
  (kernel?.silent_s ?? 0) >= SILENT_S;
