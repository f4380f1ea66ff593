/**
 * Fractional string keys that order cells (docs/protocols.md, section 2): digits of base 62 in ASCII order, with a random
 * suffix so that two people who insert at one place do not make the same key. The twin of `labora/notebook/positions.py`.
 */
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const BASE = 62n;
const STEP_WIDTH = 4;

/** Compares two keys, or ids, by UTF-16 code unit. */
export const compareKeys = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Three random digits of which the last is not zero. */
export function randomSuffix(): string {
  const numbers = crypto.getRandomValues(new Uint32Array(3));
  return Array.from(numbers, (number, at) => DIGITS[at < 2 ? number % 62 : 1 + (number % 61)]).join('');
}

/** The first `width` digits of a key as a number. A notebook may be long-lived: the number has no fixed size. */
function numberOf(position: string, width: number): bigint {
  let number = 0n;
  for (let at = 0; at < width; at++) number = number * BASE + BigInt(DIGITS.indexOf(position[at] ?? '0'));
  return number;
}

function digitsOf(number: bigint, width: number): string {
  let digits = '';
  for (let at = 0; at < width; at++) {
    digits = DIGITS[Number(number % BASE)] + digits;
    number /= BASE;
  }
  return digits;
}

/**
 * A position above `before` and below `after`; null stands for the beginning or the end.
 * Throws RangeError when `before` is not below `after`.
 */
export function positionBetween(before: string | null, after: string | null, suffix = randomSuffix): string {
  const low = before ?? '';
  if (after === null) return stepAbove(low) + suffix();
  if (low >= after) throw new RangeError(`No position lies between ${before} and ${after}.`);
  const first = low ? 0n : numberOf(after, STEP_WIDTH);
  if (first > 0n) return digitsOf(first - 1n, STEP_WIDTH) + suffix();
  let width = 1;
  while (numberOf(after, width) - numberOf(low, width) < 2n) width++;
  return digitsOf((numberOf(low, width) + numberOf(after, width)) / 2n, width) + suffix();
}

/** A short key above `low` that leaves room for many more above it. */
function stepAbove(low: string): string {
  let width = STEP_WIDTH;
  if (!low) return digitsOf(BASE ** BigInt(width) / 2n, width);
  while (numberOf(low, width) + 1n >= BASE ** BigInt(width)) width += STEP_WIDTH;
  return digitsOf(numberOf(low, width) + 1n, width);
}
