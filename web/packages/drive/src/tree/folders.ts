/** The folders of the tree: asked for when one is opened, kept while the page lives, asked anew when files change. */
import { useSyncExternalStore } from 'react';
import { type File, api } from '@labora/api';
import { FOLDERS } from '../dialogs/folders';
import { onFilesChanged } from '../list/changes';

export interface Branch {
  status: 'loading' | 'ready' | 'failed';
  folders: File[];
  /** There are more than fit into the tree. */
  more: boolean;
}

export interface Tree {
  branches: ReadonlyMap<string, Branch>;
  open: ReadonlySet<string>;
}

const MOST = 200;
const KEPT = 'labora.drive.tree';

function remembered(): ReadonlySet<string> {
  try {
    return new Set(JSON.parse(sessionStorage.getItem(KEPT) ?? '["root"]') as string[]);
  } catch {
    return new Set(['root']);
  }
}

let tree: Tree = { branches: new Map(), open: remembered() };
const listeners = new Set<() => void>();

function set(next: Partial<Tree>): void {
  tree = { ...tree, ...next };
  for (const listener of listeners) listener();
}

/** Which question about a folder was the last: an answer to an earlier one comes too late. */
const asked = new Map<string, object>();

async function ask(id: string): Promise<void> {
  const mine = {};
  asked.set(id, mine);
  let branch: Branch;
  try {
    const page = await api.files({ view: 'drive', folder: id, q: FOLDERS, orderBy: 'name', pageSize: MOST });
    branch = { status: 'ready', folders: page.files, more: page.nextPageToken !== null };
  } catch {
    branch = { status: 'failed', folders: [], more: false };
  }
  if (asked.get(id) === mine) set({ branches: new Map(tree.branches).set(id, branch) });
}

function need(id: string): void {
  const known = tree.branches.get(id);
  if (known && known.status !== 'failed') return;
  set({ branches: new Map(tree.branches).set(id, { status: 'loading', folders: [], more: false }) });
  void ask(id);
}

/** Opens or folds a folder of the tree. */
export function setOpen(id: string, on: boolean): void {
  if (tree.open.has(id) === on) return;
  const open = new Set(tree.open);
  if (on) open.add(id);
  else open.delete(id);
  set({ open });
  if (on) need(id);
  try {
    sessionStorage.setItem(KEPT, JSON.stringify([...open]));
  } catch {
    // Without storage the tree is folded again in the next page.
  }
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) for (const id of tree.open) need(id);
  listeners.add(listener);
  return () => listeners.delete(listener);
}

onFilesChanged(() => {
  // What is not seen is forgotten, and asked for when it is opened.
  const seen = [...tree.branches].filter(([id]) => listeners.size > 0 && tree.open.has(id));
  asked.clear();
  set({ branches: new Map(seen) });
  for (const [id] of seen) void ask(id);
});

export const useTree = (): Tree => useSyncExternalStore(subscribe, () => tree);
