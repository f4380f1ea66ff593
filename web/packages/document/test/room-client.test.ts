/* oxlint-disable typescript/no-non-null-assertion, import/no-named-as-default-member */
import 'fake-indexeddb/auto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as Y from 'yjs';
import { IDBFactory } from 'fake-indexeddb';
import { clearKept, EDIT, keptNotebook, RoomClient } from '../src';
import { jsonFrame, Lane } from '../src/wire';
import { FakeRoom } from './fake-room';

let clients: RoomClient[] = [];

function join(room: FakeRoom): RoomClient {
  const client = new RoomClient({ fileId: 'f', url: 'ws://room', makeSocket: room.connect });
  clients.push(client);
  client.start();
  return client;
}

/** Lets microtasks, IndexedDB and the client's timers run for so long. */
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const texts = (client: RoomClient) => client.document.cellIds().map((id) => client.document.source(id));
const serverTexts = (room: FakeRoom) =>
  [...room.ydoc.getMap<Y.Map<Y.Text>>('cells').values()].map((cell) => cell.get('source')?.toString());

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
});

afterEach(async () => {
  for (const client of clients) client.stop();
  clients = [];
  if (vi.isFakeTimers()) await pass(500);
  vi.useRealTimers();
});

describe('meters', () => {
  it('asks while it watches, again after a reconnection, and no longer when it stops', async () => {
    const room = new FakeRoom();
    const client = join(room);
    client.watch(true);
    await pass(1);
    const asked = () => room.commands.filter(({ type }) => type === 'watch').map(({ on }) => on);
    expect(asked()).toEqual([true]);
    room.cut();
    await pass(5000);
    expect(asked()).toEqual([true, true]);
    client.watch(false);
    room.cut();
    await pass(5000);
    expect(asked()).toEqual([true, true, false]);
  });

  it('holds what was told last', async () => {
    const room = new FakeRoom();
    const client = join(room);
    await pass(1);
    for (const socket of room.sockets)
      socket.push(jsonFrame(Lane.control, { type: 'meter', runtime_id: 'r', meter: { memory_bytes: 5, kernels: [] } }));
    expect(client.meter.get()).toEqual({ runtimeId: 'r', meter: { memory_bytes: 5, kernels: [] } });
  });
});

describe('saving', () => {
  it('says saved only when every update is acknowledged', async () => {
    const room = new FakeRoom();
    const client = join(room);
    expect(client.status.get().save).toBe('loading');
    await pass(1);
    expect(client.status.get().save).toBe('saved');
    room.acknowledges = false;
    client.document.insert([{ kind: 'code', source: '1' }], null);
    await pass(1000);
    expect(client.status.get().save).toBe('saving');
    room.cut();
    expect(client.status.get().save).toBe('offline');
    room.acknowledges = true;
    await pass(1000);
    expect(client.status.get()).toMatchObject({ save: 'saved', unsaved: 0 });
    expect(serverTexts(room)).toEqual(['1']);
  });

  it('keeps the text of a refused update for the person and shows what the server has', async () => {
    const room = new FakeRoom();
    const client = join(room);
    await pass(1);
    const [id] = client.document.insert([{ kind: 'code', source: 'good' }], null);
    await pass(1);
    room.refuseNext = { code: 'cell_too_large', message: 'Too large.' };
    client.document.replaceSource(id!, 'huge');
    await pass(1000);
    expect(texts(client)).toEqual(['good']);
    expect(client.refused.get()).toEqual({
      notice: { code: 'cell_too_large', message: 'Too large.' },
      drafts: [{ cell_id: id, kind: 'code', source: 'huge' }],
    });
    expect(client.status.get().save).toBe('saved');
  });
});

describe('commands', () => {
  it('given before the socket is open are sent when it is', async () => {
    const room = new FakeRoom();
    const client = join(room);
    const answer = client.command('execute', { cells: ['a'] });
    await pass(1);
    await expect(answer).resolves.toEqual({});
    expect(room.commands.map((command) => command.type)).toEqual(['execute']);
  });

  it('are sent again with their id until they are answered', async () => {
    const room = new FakeRoom();
    const client = join(room);
    await pass(1);
    room.held = true;
    const answer = client.command('execute', { cells: ['a'] });
    await pass(1);
    room.cut();
    room.held = false;
    await pass(1000);
    await expect(answer).resolves.toEqual({});
    expect(room.commands).toHaveLength(2);
    expect(new Set(room.commands.map((command) => command.id)).size).toBe(1);
  });

  it('that are of no use later fail while there is no connection', async () => {
    const client = join(new FakeRoom());
    await expect(client.command('complete', {}, { keep: false })).rejects.toMatchObject({ code: 'offline' });
  });

  it('follow the edits that were made before them', async () => {
    const room = new FakeRoom();
    const client = join(room);
    await pass(1);
    let seen: unknown;
    room.commands.push = (...items) => ((seen = serverTexts(room)), items.length);
    client.document.insert([{ kind: 'code', source: 'fresh' }], null);
    void client.command('execute', { cells: [] });
    await pass(1);
    expect(seen).toEqual(['fresh']);
  });
});

describe('a broken connection', () => {
  it('is noticed within 30 s when the other end is silent', async () => {
    const room = new FakeRoom();
    const client = join(room);
    await pass(1);
    room.held = true;
    await pass(30_000);
    expect(client.status.get().connection).not.toBe('online');
  });

  it('ends for good when the right is lost', async () => {
    const room = new FakeRoom();
    const client = join(room);
    await pass(1);
    room.cut(4403);
    await pass(60_000);
    expect(client.status.get()).toMatchObject({ connection: 'ended', ended: 'forbidden' });
    expect(room.sockets.size).toBe(0);
  });
});

describe('another epoch', () => {
  it('takes the document of the server and puts the unsaved cells back by id', async () => {
    const room = new FakeRoom();
    const client = join(room);
    await pass(1);
    const [kept, other] = client.document.insert(
      ['one', 'two'].map((source) => ({ kind: 'code' as const, source })),
      null,
    );
    await pass(1);
    room.acknowledges = false;
    client.document.replaceSource(kept!, 'one, changed');
    await pass(1);
    const restored = new RoomClient({ fileId: 'f', url: '', makeSocket: room.connect }).document;
    restored.ydoc.transact(() => {
      for (const [at, id] of [kept!, other!].entries()) {
        const cell = new Y.Map<unknown>(
          Object.entries({ kind: 'code', position: `V${at}1`, source: new Y.Text(['one', 'two'][at]) }),
        );
        cell.set('metadata', new Y.Map());
        restored.ydoc.getMap('cells').set(id, cell);
      }
    });
    room.ydoc = new Y.Doc();
    Y.applyUpdate(room.ydoc, Y.encodeStateAsUpdate(restored.ydoc));
    room.epoch = 'epoch-2';
    room.acknowledges = true;
    room.cut();
    await pass(1000);
    expect(texts(client)).toEqual(['one, changed', 'two']);
    expect(serverTexts(room)).toContain('one, changed');
    expect(client.status.get().save).toBe('saved');
  });
});

describe('a reload without a connection', () => {
  it('loses nothing: the next tab sends what the last one could not', async () => {
    vi.useRealTimers();
    globalThis.indexedDB = new IDBFactory();
    const room = new FakeRoom();
    const first = join(room);
    await vi.waitFor(() => expect(first.status.get().save).toBe('saved'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    const [id] = first.document.insert([{ kind: 'code', source: 'kept' }], null);
    await vi.waitFor(() => expect(first.status.get().save).toBe('saved'));
    room.acknowledges = false;
    const connect = room.received.bind(room);
    room.received = () => {};
    first.document.replaceSource(id!, 'kept, and more');
    first.pageHidden();
    await new Promise((resolve) => setTimeout(resolve, 50));
    first.stop();
    room.received = connect;
    room.acknowledges = true;
    const second = join(room);
    await vi.waitFor(() => expect(serverTexts(room)).toEqual(['kept, and more']));
    expect(texts(second)).toEqual(['kept, and more']);
  });

  it('shows the notebook as it was last seen, takes edits, and sends them when the server is back', async () => {
    vi.useRealTimers();
    globalThis.indexedDB = new IDBFactory();
    const room = new FakeRoom();
    const first = join(room);
    await vi.waitFor(() => expect(first.status.get().save).toBe('saved'));
    const [id] = first.document.insert([{ kind: 'code', source: 'seen' }], null);
    await vi.waitFor(() => expect(serverTexts(room)).toEqual(['seen']));
    first.pageHidden();
    await vi.waitFor(async () => expect(await keptNotebook('ada', 'f')).not.toBeNull());
    first.stop();
    let away = true;
    const makeSocket = () => {
      const socket = room.connect();
      if (away) queueMicrotask(() => socket.end(1006));
      return socket;
    };
    const received = room.received.bind(room);
    room.received = () => {};
    const second = new RoomClient({ fileId: 'f', accountId: 'ada', url: 'ws://room', makeSocket });
    clients.push(second);
    second.start();
    await vi.waitFor(() => expect(texts(second)).toEqual(['seen']));
    expect(second.status.get()).toMatchObject({ loaded: true, save: 'offline', account: { id: 'ada' } });
    second.document.replaceSource(id!, 'seen, and changed');
    expect(second.status.get()).toMatchObject({ save: 'offline', unsaved: 1 });
    away = false;
    room.received = received;
    second.wake();
    await vi.waitFor(() => expect(serverTexts(room)).toEqual(['seen, and changed']));
    await vi.waitFor(() => expect(second.status.get().save).toBe('saved'));
  });
});

describe('two clients', () => {
  const step = fc.record({
    who: fc.nat({ max: 1 }),
    what: fc.constantFrom('insert', 'type', 'remove', 'move', 'split', 'merge', 'undo', 'cut', 'silence'),
    where: fc.nat({ max: 20 }),
  });

  it('converge with the server over cut connections, and no cell doubles', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const room = new FakeRoom();
        const both = [join(room), join(room)];
        await pass(1);
        for (const { who, what, where } of steps) {
          const { document } = both[who]!;
          const ids = document.cellIds();
          const id = ids[where % Math.max(1, ids.length)];
          if (what === 'insert') document.insert([{ kind: 'code', source: `${where}` }], id ?? null);
          else if (what === 'cut') room.cut();
          else if (what === 'silence') room.acknowledges = where % 2 === 0;
          else if (what === 'undo') document.undo();
          else if (!id) continue;
          else if (what === 'remove') document.remove([id]);
          else if (what === 'move') document.move([id], ids[0] === id ? null : ids[0]!);
          else if (what === 'split') document.split(id, where);
          else if (what === 'merge') document.merge(ids.slice(0, 2));
          else document.ydoc.transact(() => document.text(id)!.insert(0, 'x'), EDIT);
          if (where % 3 === 0) await pass(where);
        }
        room.acknowledges = true;
        room.cut();
        await pass(20_000);
        const [a, b] = both as [RoomClient, RoomClient];
        expect(a.document.cellIds()).toEqual(b.document.cellIds());
        expect(texts(a)).toEqual(texts(b));
        const cells = room.ydoc.getMap<Y.Map<Y.Text>>('cells');
        for (const id of a.document.cellIds())
          expect(cells.get(id)?.get('source')?.toString()).toBe(a.document.source(id));
        for (const client of both) expect(client.status.get()).toMatchObject({ save: 'saved', unsaved: 0 });
        for (const client of both) client.stop();
        clients = [];
      }),
      { numRuns: 25 },
    );
  });
});

describe('a sign-out', () => {
  it('leaves nothing in the browser, and what was there was for its account only', async () => {
    vi.useRealTimers();
    globalThis.indexedDB = new IDBFactory();
    const room = new FakeRoom();
    const client = join(room);
    await vi.waitFor(() => expect(client.status.get().save).toBe('saved'));
    client.pageHidden();
    await vi.waitFor(async () => expect(await keptNotebook('ada', 'f')).not.toBeNull());
    expect(await keptNotebook('eve', 'f')).toBeNull();
    await clearKept();
    client.pageHidden();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await indexedDB.databases()).map((one) => one.name)).toEqual([]);
  });
});
