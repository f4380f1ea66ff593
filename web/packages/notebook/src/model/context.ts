import { createContext, useCallback, useContext, useSyncExternalStore } from 'react';
import type { CellInfo, CellRun, DocumentTopic, PresentClient, RoomStatus, RoomTopic, Store } from '@labora/document';
import type { NotebookController } from './controller';
import type { CellStand } from './interface';

export const ControllerContext = createContext<NotebookController | null>(null);

export function useController(): NotebookController {
  const controller = useContext(ControllerContext);
  if (!controller) throw new Error('There is no notebook around this component.');
  return controller;
}

export const useStore = <T>(store: Store<T>): T => useSyncExternalStore(store.subscribe, store.get);

export const useStatus = (): RoomStatus => useStore(useController().client.status);

/** Whether this person may edit now; draws again only when that changes. */
export function useCanEdit(): boolean {
  const controller = useController();
  return useSyncExternalStore(controller.client.status.subscribe, () => controller.canEdit);
}

export function useDocument<T>(topic: DocumentTopic, read: () => T): T {
  const { doc } = useController();
  return useSyncExternalStore(
    useCallback((listener) => doc.on(topic, listener), [doc, topic]),
    read,
  );
}

export function useRoom<T>(topic: RoomTopic, read: () => T): T {
  const { room } = useController();
  return useSyncExternalStore(
    useCallback((listener) => room.on(topic, listener), [room, topic]),
    read,
  );
}

export function useCell(id: string): CellInfo | null {
  const { doc } = useController();
  return useDocument(`cell:${id}`, () => doc.cell(id));
}

export function useSource(id: string): string {
  const { doc } = useController();
  return useDocument(`source:${id}`, () => doc.source(id));
}

export function useRun(id: string): CellRun {
  const { room } = useController();
  return useRoom(`cell:${id}`, () => room.cell(id));
}

export function useStand(id: string): CellStand {
  const { ui } = useController();
  return useSyncExternalStore(
    useCallback((listener) => ui.onCell(id, listener), [ui, id]),
    () => ui.stand(id),
  );
}

export function usePeopleIn(id: string): readonly PresentClient[] {
  const { people } = useController();
  return useSyncExternalStore(
    useCallback((listener) => people.onCell(id, listener), [people, id]),
    () => people.inCell(id),
  );
}
