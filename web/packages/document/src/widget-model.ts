/** Models of Jupyter widgets as plain data: state as JSON, and the binary values apart from it by their path. */

export interface BufferAt {
  /** Where the value belongs in the state; it begins with the trait's name. */
  path: readonly (string | number)[];
  data: ArrayBuffer;
}

export interface WidgetModel {
  id: string;
  state: Readonly<Record<string, unknown>>;
  buffers: readonly BufferAt[];
  metadata: Readonly<Record<string, unknown>>;
}

export interface WidgetUpdate {
  state: Readonly<Record<string, unknown>>;
  buffers: readonly BufferAt[];
}

const REFERENCE = 'IPY_MODEL_';

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads the `state` and `buffer_paths` of a widget's message; null for data of another kind. */
export function readUpdate(data: unknown, buffers: readonly ArrayBuffer[]): WidgetUpdate | null {
  if (!isRecord(data) || !isRecord(data['state'])) return null;
  const paths = Array.isArray(data['buffer_paths']) ? (data['buffer_paths'] as (string | number)[][]) : [];
  return {
    state: data['state'],
    buffers: paths.flatMap((path, at) => {
      const bytes = buffers[at];
      return Array.isArray(path) && bytes ? [{ path, data: bytes }] : [];
    }),
  };
}

/** What the traits that an update names are in `model`, with their buffers. */
export function traitsOf(model: WidgetUpdate, update: WidgetUpdate): WidgetUpdate {
  const named = new Set([...Object.keys(update.state), ...update.buffers.map((buffer) => String(buffer.path[0]))]);
  return {
    state: Object.fromEntries(Object.entries(model.state).filter(([trait]) => named.has(trait))),
    buffers: model.buffers.filter((buffer) => named.has(String(buffer.path[0]))),
  };
}

/** The later of two updates over the earlier: a trait's new value takes the buffers of its old one away. */
export function overlay(before: WidgetUpdate, after: WidgetUpdate): WidgetUpdate {
  const renewed = new Set([...Object.keys(after.state), ...after.buffers.map((buffer) => String(buffer.path[0]))]);
  return {
    state: { ...before.state, ...after.state },
    buffers: [...before.buffers.filter((buffer) => !renewed.has(String(buffer.path[0]))), ...after.buffers],
  };
}

/** Ids of the models that a value speaks of. */
export function referencesOf(value: unknown, found: Set<string> = new Set()): Set<string> {
  if (typeof value === 'string') {
    if (value.startsWith(REFERENCE)) found.add(value.slice(REFERENCE.length));
  } else if (typeof value === 'object' && value !== null) {
    for (const part of Object.values(value)) referencesOf(part, found);
  }
  return found;
}

const LINKS: ReadonlySet<unknown> = new Set(['LinkModel', 'DirectionalLinkModel']);

/**
 * The models that are needed to show one of them: those it speaks of, all the way down, and the links between them,
 * which nothing speaks of. Models that are not there are left out.
 */
export function neededFor(id: string, models: ReadonlyMap<string, WidgetModel>): WidgetModel[] {
  const needed = new Map<string, WidgetModel>();
  const take = (from: string): void => {
    const waiting = [from];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const model = models.get(next);
      if (!model || needed.has(next)) continue;
      needed.set(next, model);
      waiting.push(...referencesOf(model.state));
    }
  };
  take(id);
  if (needed.size === 0) return [];
  const links = [...models.values()].filter((model) => LINKS.has(model.state['_model_name']));
  for (let grown = true; grown;) {
    grown = false;
    for (const link of links) {
      if (needed.has(link.id) || ![...referencesOf(link.state)].some((end) => needed.has(end))) continue;
      take(link.id);
      grown = true;
    }
  }
  return [...needed.values()];
}
