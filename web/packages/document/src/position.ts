/**
 * Fractional string keys that order cells (docs/protocols.md, section 2): digits of base 62 in ASCII order, never ending in
 * `0`, with a random suffix so that two people who insert at one place do not make the same key.
 */
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE = DIGITS.length;
const SUFFIX = 3;

const digit = (key: string, at: number): number => (at < key.length ? DIGITS.indexOf(key[at]!) : 0);

/** Compares two keys, or ids, by UTF-16 code unit. */
export const compareKeys = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * A key between two others; `null` is the open end. `random` gives numbers in [0, 1).
 * Throws RangeError when `before` does not come before `after`.
 */
export function positionBetween(before: string | null, after: string | null, random = Math.random): string {
  const low = before ?? '';
  if (after !== null && low >= after) throw new RangeError('The keys are not in order.');
  let key = '';
  let bounded = after !== null;
  for (let at = 0; ; at++) {
    const floor = digit(low, at);
    const ceiling = bounded ? digit(after!, at) : BASE;
    if (ceiling - floor > 1) {
      // At the open end one step keeps keys short: cells are mostly appended.
      const middle = after === null && before !== null ? floor + 1 : (floor + ceiling) >> 1;
      return key + DIGITS[middle] + suffix(random);
    }
    key += DIGITS[floor];
    if (ceiling > floor) bounded = false;
  }
}

function suffix(random: () => number): string {
  let out = '';
  for (let at = 0; at < SUFFIX; at++) {
    const least = at === SUFFIX - 1 ? 1 : 0;
    out += DIGITS[least + Math.floor(random() * (BASE - least))];
  }
  return out;
}
