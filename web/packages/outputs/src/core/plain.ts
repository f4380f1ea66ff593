/** Copies of hostile values as plain JSON: what a frame sends is taken apart before anything of the page sees it. */

const DEPTH_MAXIMUM = 100;
const NODES_MAXIMUM = 500_000;

/** Characters of all texts, names included, that one message may hold. */
export const PLAIN_CHARACTERS = 16 * 1024 * 1024;

class TooMuch extends Error {}

interface Left {
  nodes: number;
  characters: number;
}

function copy(value: unknown, depth: number, left: Left): unknown {
  left.nodes -= 1;
  if (depth > DEPTH_MAXIMUM || left.nodes < 0) throw new TooMuch();
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'string') return text(value, left);
  if (typeof value !== 'object') return null;
  if (Array.isArray(value)) return Array.from(value, (item) => copy(item, depth + 1, left));
  const made: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const key of Object.keys(value)) {
    const item = (value as Record<string, unknown>)[key];
    if (item !== undefined) made[text(key, left)] = copy(item, depth + 1, left);
  }
  return made;
}

function text(value: string, left: Left): string {
  left.characters -= value.length;
  if (left.characters < 0) throw new TooMuch();
  return value;
}

/** Returns a copy that is JSON and nothing else, without prototypes; undefined when it is too large or too deep. */
export function plain(value: unknown): unknown {
  try {
    return copy(value, 0, { nodes: NODES_MAXIMUM, characters: PLAIN_CHARACTERS });
  } catch (error) {
    if (error instanceof TooMuch) return undefined;
    throw error;
  }
}

/** Returns a copy of a plain object, or undefined. */
export function plainRecord(value: unknown): Record<string, unknown> | undefined {
  const made = plain(value);
  return typeof made === 'object' && made !== null && !Array.isArray(made)
    ? (made as Record<string, unknown>)
    : undefined;
}
