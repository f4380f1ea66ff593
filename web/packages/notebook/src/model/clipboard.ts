/** Cut and copied cells: one clipboard for all open tabs of this browser, gone with the last of them. */
import type { CellContent } from '@labora/document';

export interface CopiedCells {
  /** Whose they are: another account that signs in at this browser does not get them. */
  accountId: string;
  fileId: string;
  cells: { from: string; content: CellContent }[];
}

let copied: CopiedCells | null = null;
const channel = new BroadcastChannel('labora.clipboard');
channel.addEventListener('message', ({ data }: MessageEvent<CopiedCells | 'ask'>) => {
  if (data !== 'ask') copied = data;
  else if (copied) channel.postMessage(copied);
});
// A tab that has just opened asks the others for what they hold.
channel.postMessage('ask');

export function setCopied(cells: CopiedCells): void {
  copied = cells;
  channel.postMessage(cells);
}

/** What this account copied last, in whichever tab. */
export const copiedBy = (accountId: string | undefined): CopiedCells | null =>
  copied && copied.accountId === accountId ? copied : null;
