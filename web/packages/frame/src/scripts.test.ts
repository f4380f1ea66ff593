import { beforeEach, describe, expect, test } from 'vitest';
import { evaluate } from './scripts';

const scope = globalThis as unknown as { runs: number };

describe('evaluate', () => {
  beforeEach(() => {
    scope.runs = 0;
  });

  test('gives what the last expression gives, with await and return at the top', async () => {
    expect(await evaluate('1 + 1')).toBe(2);
    expect(await evaluate('var a = 2; Promise.resolve(a + 1)')).toBe(3);
    expect(await evaluate('await Promise.resolve(4);')).toBe(4);
    expect(await evaluate('const b = await Promise.resolve(4); return b + 1')).toBe(5);
    expect(await evaluate('(async () => { runs += 1; return await 6; })()')).toBe(6);
    expect(scope.runs).toBe(1);
  });

  test('a program that throws a SyntaxError while it runs has run once', async () => {
    await expect(evaluate("runs += 1; JSON.parse('{'); // await")).rejects.toThrow(SyntaxError);
    expect(scope.runs).toBe(1);
  });

  test('what cannot be parsed runs not at all', async () => {
    await expect(evaluate('runs += 1; await (')).rejects.toThrow(SyntaxError);
    expect(scope.runs).toBe(0);
  });
});
