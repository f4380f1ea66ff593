/** Which files of a list are chosen. What was chosen stays so while its page of the list is away. */
import { useEffect, useMemo, useRef, useState } from 'react';
import type { File } from '@labora/api';
import { t } from '@labora/ui';
import { onFilesGone } from './changes';
import { withProgress } from './jobs';
import {
  type Choice,
  type Ids,
  type Selection,
  choose,
  chooseAll,
  chooseNone,
  nothing,
  rangeTo,
  within,
} from './selection';
import type { Listing } from './useListing';

export interface Chosen extends Selection {
  files: File[];
  go: (index: number, how: Choice) => void;
  /** Chooses exactly these. */
  take: (indexes: readonly number[], add: ReadonlySet<string>) => void;
  all: () => void;
  none: () => void;
}

export function useSelection(listing: Listing): Chosen {
  const [state, setState] = useState<Selection>(nothing);
  const remembered = useRef(new Map<string, File>());
  const known = useMemo(() => new Map(listing.files.map((file) => [file.id, file])), [listing.files]);
  const fitting = listing.whole ? within(state, [...known.keys()]) : state;
  const selection = fitting.active < listing.total ? fitting : { ...fitting, active: Math.max(0, listing.total - 1) };
  const ids: Ids = { length: listing.total, at: (index) => listing.at(index)?.id };

  useEffect(
    () =>
      onFilesGone((gone) =>
        setState((before) => ({ ...before, chosen: new Set([...before.chosen].filter((id) => !gone.has(id))) })),
      ),
    [],
  );

  const files: File[] = [];
  for (const id of selection.chosen) {
    const file = known.get(id) ?? remembered.current.get(id);
    if (!file) continue;
    remembered.current.set(id, file);
    files.push(file);
  }

  /** A range over pages that are not here waits for them. */
  async function fill(next: Selection, index: number): Promise<void> {
    const [from, to] = rangeTo(next, listing.total, index);
    const between = await withProgress(t('files.jobs.select'), to - from + 1, (signal, progress) =>
      listing.load(from, to + 1, signal, progress),
    );
    for (const file of between) remembered.current.set(file.id, file);
    setState((now) =>
      now.active === next.active && now.anchor === next.anchor
        ? { ...now, chosen: new Set(between.map((file) => file.id)) }
        : now,
    );
  }

  /** An item far away is chosen once it is here, unless one has gone elsewhere meanwhile. */
  async function arrive(next: Selection): Promise<void> {
    const [file] = await listing.load(next.active, next.active + 1);
    if (file) setState((now) => (now.active === next.active ? chooseAll(now, [file.id]) : now));
  }

  return {
    ...selection,
    files,
    go(index, how) {
      const next = choose(selection, ids, index, how);
      setState(next);
      const [from, to] = rangeTo(next, listing.total, index);
      if (how === 'only' && next.chosen.size === 0 && listing.total > 0) void arrive(next).catch(() => undefined);
      if (how === 'range' && next.chosen.size < to - from + 1) void fill(next, index).catch(() => undefined);
    },
    take(indexes, add) {
      const found = indexes.flatMap((index) => listing.at(index)?.id ?? []);
      const last = indexes.at(-1) ?? selection.active;
      setState({ active: last, anchor: indexes[0] ?? last, chosen: new Set([...add, ...found]) });
    },
    all() {
      if (listing.whole) return setState(chooseAll(selection, known.keys()));
      void withProgress(t('files.jobs.select'), listing.total, (signal, progress) =>
        listing.load(0, listing.total, signal, progress),
      ).then(
        (every) => {
          for (const file of every) remembered.current.set(file.id, file);
          setState((now) =>
            chooseAll(
              now,
              every.map((file) => file.id),
            ),
          );
        },
        () => undefined,
      );
    },
    none: () => setState(chooseNone(selection)),
  };
}
