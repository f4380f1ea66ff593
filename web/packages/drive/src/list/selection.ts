/** Which rows are chosen and which has the focus: a pure state, so that keys and pointer obey the same rules. */
export interface Selection {
  /** Index of the row that has (or would have) the focus. */
  active: number;
  /** Where a range began. */
  anchor: number;
  chosen: ReadonlySet<string>;
}

export const nothing: Selection = { active: 0, anchor: 0, chosen: new Set() };

const clamp = (index: number, length: number): number => Math.max(0, Math.min(length - 1, index));

export type Choice = 'only' | 'toggle' | 'range' | 'focus';

/** The state after going to row `index` of `ids`. */
export function choose(state: Selection, ids: string[], index: number, how: Choice): Selection {
  if (ids.length === 0) return nothing;
  const active = clamp(index, ids.length);
  const id = ids[active] ?? '';
  switch (how) {
    case 'focus':
      return { ...state, active };
    case 'toggle': {
      const chosen = new Set(state.chosen);
      if (!chosen.delete(id)) chosen.add(id);
      return { active, anchor: active, chosen };
    }
    case 'range': {
      const anchor = clamp(state.anchor, ids.length);
      const [from, to] = anchor < active ? [anchor, active] : [active, anchor];
      return { active, anchor, chosen: new Set(ids.slice(from, to + 1)) };
    }
    case 'only':
      return { active, anchor: active, chosen: new Set([id]) };
  }
}

export const chooseAll = (state: Selection, ids: string[]): Selection => ({ ...state, chosen: new Set(ids) });
export const chooseNone = (state: Selection): Selection => ({ ...state, chosen: new Set() });

/** Drops what is no longer in the list; the focus stays on a row that exists. */
export function within(state: Selection, ids: string[]): Selection {
  const present = new Set(ids);
  const chosen = new Set([...state.chosen].filter((id) => present.has(id)));
  const active = ids.length === 0 ? 0 : clamp(state.active, ids.length);
  if (chosen.size === state.chosen.size && active === state.active) return state;
  return { active, anchor: Math.min(state.anchor, Math.max(0, ids.length - 1)), chosen };
}

/** The row that typing `text` goes to: the next whose name begins so, round the end. */
export function typeAhead(names: string[], from: number, text: string): number {
  const wanted = text.toLocaleLowerCase();
  for (let step = text.length > 1 ? 0 : 1; step <= names.length; step += 1) {
    const index = (from + step) % names.length;
    if (names[index]?.toLocaleLowerCase().startsWith(wanted)) return index;
  }
  return -1;
}
