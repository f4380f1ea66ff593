/**
 * The notebooks as they were last seen, in IndexedDB: what a page shows that was loaded while the server is away. At most
 * 30 of them, of at most 8 MB each; outputs beyond 4 MB a notebook are left out.
 */
import type { CellState, File, PresentAccount, RoomState } from './types';
import { openKept } from './vault';

const NOTEBOOKS_MAXIMUM = 30;
const DOCUMENT_MAXIMUM = 8_000_000;
const OUTPUTS_MAXIMUM = 4_000_000;

export interface KeptNotebook {
  account: PresentAccount;
  file: File;
  readOnlyReason: string | null;
  epoch: string;
  /** The Y.Doc as one update. */
  update: Uint8Array;
  state: RoomState;
  /** When it was kept, in milliseconds since the epoch. */
  at: number;
}

/** What is worth showing later: outputs and how their runs went; no queue, no runtime and no question. */
function shownLater(state: RoomState, withOutputs: boolean): RoomState {
  const cells: Record<string, CellState> = {};
  const executions: RoomState['executions'] = {};
  let left = withOutputs ? OUTPUTS_MAXIMUM : 0;
  for (const [id, cell] of Object.entries(state.cells)) {
    left -= cell.outputs.length > 0 && left > 0 ? JSON.stringify(cell.outputs).length : 0;
    cells[id] = left > 0 ? cell : { ...cell, outputs: [] };
    const execution = state.executions[cell.execution_id ?? ''];
    if (execution && execution.status !== 'queued') executions[execution.id] = execution;
  }
  return { cells, executions, queue: [], runtimes: {}, inputs: {}, saved: state.saved };
}

/** Keeps a notebook. `withOutputs` is false where its outputs must not be stored. */
export async function keepNotebook(notebook: Omit<KeptNotebook, 'at'>, withOutputs: boolean): Promise<void> {
  if (notebook.update.byteLength > DOCUMENT_MAXIMUM) return;
  const state = shownLater(notebook.state, withOutputs);
  const db = await openKept();
  try {
    const tx = db.transaction('notebooks', 'readwrite');
    await tx.store.put({ ...notebook, state, at: Date.now() });
    let extra = (await tx.store.count()) - NOTEBOOKS_MAXIMUM;
    for (let at = extra > 0 ? await tx.store.index('at').openCursor() : null; at && extra > 0; extra--) {
      await at.delete();
      at = await at.continue();
    }
    await tx.done;
  } finally {
    db.close();
  }
}

/** Returns a notebook as this account last saw it in this browser; null where it did not. */
export async function keptNotebook(account: string, file: string): Promise<KeptNotebook | null> {
  const db = await openKept();
  try {
    return (await db.get('notebooks', [account, file])) ?? null;
  } finally {
    db.close();
  }
}

/** Forgets a notebook that this account may no longer see. */
export async function forgetNotebook(account: string, file: string): Promise<void> {
  const db = await openKept();
  try {
    await db.delete('notebooks', [account, file]);
  } finally {
    db.close();
  }
}
