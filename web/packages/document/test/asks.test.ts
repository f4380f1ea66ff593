import { describe, expect, it } from 'vitest';
import { Asks, type PageAsk } from '../src/asks';

const ask = (ask_id: string): PageAsk => ({
  ask_id,
  execution_id: 'run',
  cell_id: 'c',
  kind: 'javascript',
  content: {},
});
const turn = () => new Promise<void>((resolve) => setTimeout(resolve));

describe('Asks', () => {
  it('answers what is asked again as before, without doing it again', async () => {
    const answers: unknown[] = [];
    const asks = new Asks((answer) => answers.push(answer));
    let done = 0;
    asks.handle('javascript', () => Promise.resolve(++done));
    asks.received(ask('a'));
    asks.received(ask('a'));
    await turn();
    asks.received(ask('a'));
    await turn();
    expect(done).toBe(1);
    expect(answers).toEqual([
      { ask_id: 'a', ok: true, value: 1 },
      { ask_id: 'a', ok: true, value: 1 },
    ]);
  });

  it('ends what the server no longer names, which then has no answer', async () => {
    const answers: unknown[] = [];
    const asks = new Asks((answer) => answers.push(answer));
    const open = new Map<string, { signal: AbortSignal; end(): void }>();
    asks.handle(
      'javascript',
      ({ ask_id }, signal) => new Promise((end) => open.set(ask_id, { signal, end: () => end(1) })),
    );
    asks.received(ask('kept'));
    asks.received(ask('over'));
    asks.only(['kept']);
    expect(open.get('over')?.signal.aborted).toBe(true);
    expect(open.get('kept')?.signal.aborted).toBe(false);
    for (const { end } of open.values()) end();
    await turn();
    expect(answers).toEqual([{ ask_id: 'kept', ok: true, value: 1 }]);
  });
});
