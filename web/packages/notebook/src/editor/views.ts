/** The editors that exist, by cell: for commands that need the caret. */
import type { EditorView } from '@codemirror/view';

const views = new Map<string, EditorView>();

export function registerView(cellId: string, view: EditorView): () => void {
  views.set(cellId, view);
  return () => {
    if (views.get(cellId) === view) views.delete(cellId);
  };
}

export const viewOf = (cellId: string | null): EditorView | undefined => views.get(cellId ?? '');
