/** Which items are chosen and which has the focus: a pure state, so that keys and pointer obey the same rules. */
export interface Selection {
  /** Index of the item that has (or would have) the focus. */
  active: number;
  /** Where a range began. */
  anchor: number;
  chosen: ReadonlySet<string>;
}

/** A list of which some items may not be known yet. */
export interface Ids {
  length: number;
  at: (index: number) => string | undefined;
}

export const nothing: Selection = { active: 0, anchor: 0, chosen: new Set() };

const clamp = (index: number, length: number): number => Math.max(0, Math.min(length - 1, index));

export type Choice = 'only' | 'toggle' | 'range' | 'focus';

/** The state after going to item `index` of `ids`. */
export function choose(state: Selection, ids: Ids, index: number, how: Choice): Selection {
  if (ids.length === 0) return nothing;
  const active = clamp(index, ids.length);
  const id = ids.at(active);
  switch (how) {
    case 'focus':
      return { ...state, active };
    case 'toggle': {
      const chosen = new Set(state.chosen);
      if (id !== undefined && !chosen.delete(id)) chosen.add(id);
      return { active, anchor: active, chosen };
    }
    case 'range': {
      const [from, to] = rangeTo(state, ids.length, active);
      const chosen = new Set<string>();
      for (let at = from; at <= to; at += 1) {
        const one = ids.at(at);
        if (one !== undefined) chosen.add(one);
      }
      return { active, anchor: clamp(state.anchor, ids.length), chosen };
    }
    case 'only':
      return { active, anchor: active, chosen: new Set(id === undefined ? [] : [id]) };
  }
}

/** The first and the last item of the range that ends at `index`. */
export function rangeTo(state: Selection, length: number, index: number): [from: number, to: number] {
  const anchor = clamp(state.anchor, length);
  const end = clamp(index, length);
  return anchor < end ? [anchor, end] : [end, anchor];
}

export const chooseAll = (state: Selection, ids: Iterable<string>): Selection => ({ ...state, chosen: new Set(ids) });
export const chooseNone = (state: Selection): Selection => ({ ...state, chosen: new Set() });

/** Drops what is no longer in the list; the focus stays on an item that exists. */
export function within(state: Selection, ids: readonly string[]): Selection {
  const present = new Set(ids);
  const chosen = new Set([...state.chosen].filter((id) => present.has(id)));
  const active = ids.length === 0 ? 0 : clamp(state.active, ids.length);
  if (chosen.size === state.chosen.size && active === state.active) return state;
  return { active, anchor: Math.min(state.anchor, Math.max(0, ids.length - 1)), chosen };
}

/** The item that typing `text` goes to: the next whose name begins so, round the end; names may be unknown. */
export function typeAhead(names: readonly (string | undefined)[], from: number, text: string): number {
  const wanted = text.toLocaleLowerCase();
  for (let step = text.length > 1 ? 0 : 1; step <= names.length; step += 1) {
    const index = (from + step) % names.length;
    if (names[index]?.toLocaleLowerCase().startsWith(wanted)) return index;
  }
  return -1;
}

export interface Steps {
  active: number;
  total: number;
  /** Items beside each other; 1 in a list. */
  columns: number;
  /** Lines of one page. */
  page: number;
  /** Nothing is chosen: the first arrow stays on the item that has the focus. */
  fresh: boolean;
}

/** Where a key goes, or null for a key that goes nowhere. */
export function stepOf(key: string, { active, total, columns, page, fresh }: Steps): number | null {
  const grid = columns > 1;
  const to: Record<string, number> = {
    ArrowDown: active + (fresh ? 0 : columns),
    ArrowUp: active - columns,
    PageDown: active + page * columns,
    PageUp: active - page * columns,
    Home: 0,
    End: total - 1,
    ...(grid ? { ArrowRight: active + (fresh ? 0 : 1), ArrowLeft: active - 1 } : {}),
  };
  const index = to[key];
  if (index === undefined) return null;
  // Up and down keep the column: where there is no further line one stays.
  if (grid && (key === 'ArrowUp' || key === 'ArrowDown') && (index < 0 || index >= total))
    return key === 'ArrowDown' && Math.floor(active / columns) < Math.floor((total - 1) / columns) ? total - 1 : active;
  return clamp(index, total);
}
