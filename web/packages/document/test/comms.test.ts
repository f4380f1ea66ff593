import { describe, expect, test } from 'vitest';
import { CommSender } from '../src/comm-sender';
import { CommStore, type CommNews } from '../src/comm-store';
import { commFrame, type CommHeader, readCommFrame, type SentComm } from '../src/comm-wire';
import { savedWidgets } from '../src/saved-widgets';
import { neededFor } from '../src/widget-model';

const bytes = (...values: number[]): ArrayBuffer => Uint8Array.from(values).buffer;
const opened = (id: string, state: object, more: object = {}): CommHeader => ({
  type: 'comm_open',
  account_id: 'ada',
  execution_id: 'run',
  content: { comm_id: id, target_name: 'jupyter.widget', data: { state, buffer_paths: [] } },
  ...more,
});
const said = (id: string, data: object): CommHeader => ({
  type: 'comm_msg',
  account_id: 'ada',
  execution_id: 'run',
  content: { comm_id: id, data },
});
const update = (id: string, state: object): SentComm => ({
  type: 'comm_msg',
  execution_id: 'run',
  content: { comm_id: id, data: { method: 'update', state, buffer_paths: [] } },
  metadata: {},
  buffers: [],
});

describe('frames of lane 4', () => {
  test('carry a header and buffers there and back', () => {
    const header = { id: 'x', type: 'comm_msg', content: { comm_id: 'ä' } };
    const frame = commFrame(header, [bytes(1, 2, 3), bytes(), bytes(4)]);
    expect(frame[0]).toBe(4);
    const read = readCommFrame<object>(frame);
    expect(read.header).toEqual(header);
    expect(read.buffers.map((buffer) => Array.from(new Uint8Array(buffer)))).toEqual([[1, 2, 3], [], [4]]);
  });

  test('that end early are not believed', () => {
    const frame = commFrame({ type: 'comms_ready' }, [bytes(1, 2, 3)]);
    expect(() => readCommFrame(frame.subarray(0, frame.length - 1))).toThrow(/shorter/);
  });
});

describe('CommStore', () => {
  const state = (store: CommStore, id: string) => store.models('ada').get(id)?.state;

  test('keeps models by account, with the state that their messages left', () => {
    const store = new CommStore();
    store.received(opened('a', { value: 1, kept: true }), []);
    store.received(said('a', { method: 'update', state: { value: 2 }, buffer_paths: [] }), []);
    store.received(said('a', { method: 'custom', content: { value: 9 } }), []);
    expect(state(store, 'a')).toEqual({ value: 2, kept: true });
    expect(store.models('grace').size).toBe(0);
    store.received({ ...said('a', {}), type: 'comm_close' }, []);
    expect(store.models('ada').size).toBe(0);
  });

  test('a trait of binary values is replaced whole', () => {
    const store = new CommStore();
    const open = opened('a', {});
    open.content.data = { state: { image: null, mask: null }, buffer_paths: [['image'], ['mask']] };
    store.received(open, [bytes(1), bytes(2)]);
    store.received(said('a', { method: 'update', state: {}, buffer_paths: [['image']] }), [bytes(3)]);
    const buffers = store
      .models('ada')
      .get('a')
      ?.buffers.map((one) => [one.path[0], new Uint8Array(one.data)[0]]);
    expect(buffers).toEqual([
      ['mask', 2],
      ['image', 3],
    ]);
  });

  test('an echo of the kernel moves nothing back', () => {
    const store = new CommStore();
    const heard: CommNews[] = [];
    store.received(opened('a', { value: 1 }), []);
    store.listen('ada', (news) => heard.push(news));
    store.sent('ada', update('a', { value: 2 }), {});
    store.sent('ada', update('a', { value: 3 }), {});
    store.received(said('a', { method: 'echo_update', state: { value: 2 }, buffer_paths: [] }), []);
    expect(state(store, 'a')).toEqual({ value: 3 });
    expect(heard).toHaveLength(2);
  });

  test('knows what lives once the snapshot is whole, and forgets what is not in it', () => {
    const store = new CommStore();
    const heard: string[] = [];
    store.begin();
    store.received(opened('a', { value: 1 }, { snapshot: true }), []);
    store.received(opened('b', {}, { snapshot: true }), []);
    expect(store.known).toBe(false);
    store.received({ type: 'comms_ready' }, []);
    expect(store.known).toBe(true);

    store.disconnected();
    expect(store.known).toBe(false);
    store.listen('ada', (news) => heard.push(`${news.type} ${news.content.comm_id}`));
    store.begin();
    store.received(opened('a', { value: 5 }, { snapshot: true }), []);
    store.received({ type: 'comms_ready' }, []);
    expect(state(store, 'a')).toEqual({ value: 5 });
    expect([...store.models('ada').keys()]).toEqual(['a']);
    expect(heard).toEqual(['comm_open a', 'comm_close b']);
  });

  test('tells when a kernel and all its comms are gone, also when that happened during a break', () => {
    const store = new CommStore();
    const heard: string[] = [];
    store.listen('ada', (news) => heard.push(news.type));
    store.received(opened('a', {}), []);
    store.received({ type: 'comms_gone', account_id: 'ada' }, []);
    store.received(opened('b', {}), []);
    store.disconnected();
    store.begin();
    store.received({ type: 'comms_ready' }, []);
    expect(heard).toEqual(['comm_open', 'comms_gone', 'comm_open', 'comms_gone']);
    expect(store.models('ada').size).toBe(0);
  });
});

describe('CommSender', () => {
  const wire = () => {
    const frames: { id: string; data: { method?: string; state?: object; n?: number } }[] = [];
    let online = true;
    const sender = new CommSender((frame) => {
      if (!online) return false;
      const { header } = readCommFrame<{ id: string; content: { data: object } }>(frame);
      frames.push({ id: header.id, data: header.content.data });
      return true;
    });
    return { frames, sender, cut: () => (online = false) };
  };

  test('one update of a model is under way, and those made meanwhile become one', async () => {
    const { frames, sender } = wire();
    const all = [1, 2, 3].map((value) => sender.send(update('a', { value })));
    const other = sender.send(update('b', { value: 1 }));
    all.push(sender.send(update('a', { step: 2 })));
    expect(frames.map((frame) => frame.data.state)).toEqual([{ value: 1 }, { value: 1 }]);
    sender.done(frames[1]?.id ?? '');
    await other;
    expect(frames).toHaveLength(2);
    sender.done(frames[0]?.id ?? '');
    expect(frames[2]?.data.state).toEqual({ value: 3, step: 2 });
    sender.done(frames[2]?.id ?? '');
    await Promise.all(all);
  });

  test('other messages are never merged, and keep their place', async () => {
    const { frames, sender } = wire();
    const click = (n: number): SentComm => ({
      ...update('a', {}),
      content: { comm_id: 'a', data: { method: 'custom', n } },
    });
    void sender.send(click(1));
    void sender.send(click(2));
    void sender.send(update('a', { value: 1 }));
    void sender.send(update('a', { value: 2 }));
    void sender.send(click(3));
    expect(frames.map((frame) => frame.data.n ?? 'update')).toEqual([1, 2, 'update']);
    sender.done(frames[2]?.id ?? '');
    expect(frames.map((frame) => frame.data.n ?? 'update')).toEqual([1, 2, 'update', 'update', 3]);
  });

  test('a refusal ends one message, a break all of them, and a flood its own end', async () => {
    const { frames, sender, cut } = wire();
    const refused = sender.send(update('a', { value: 1 }));
    sender.refused(frames[0]?.id ?? '', 'not_live', 'No.');
    await expect(refused).rejects.toMatchObject({ code: 'not_live' });
    const broken = sender.send(update('a', { value: 2 }));
    const waiting = sender.send(update('a', { value: 3 }));
    cut();
    sender.disconnected();
    await expect(broken).rejects.toMatchObject({ code: 'offline' });
    await expect(waiting).rejects.toMatchObject({ code: 'offline' });
  });

  test('what sends without end is refused', async () => {
    const { sender } = wire();
    const many = Array.from({ length: 300 }, (_none, n) =>
      sender.send({ ...update('a', {}), content: { comm_id: 'a', data: { n } } }).catch((error) => error.code),
    );
    await expect(many.at(-1)).resolves.toBe('too_many');
  });
});

describe('saved widgets', () => {
  const key = 'application/vnd.jupyter.widget-state+json';
  const record = {
    model_name: 'IntSliderModel',
    model_module: 'm',
    model_module_version: '1.5.0',
    state: { value: 3 },
  };

  test('are read in the form of the schema, and in that of Colaboratory', () => {
    const buffers = [{ path: ['value'], encoding: 'base64', data: btoa('\u0001\u0002') }];
    const enveloped = { version_major: 2, version_minor: 0, state: { a: { ...record, buffers } } };
    const model = savedWidgets({ widgets: { [key]: enveloped } }).get('a');
    expect(model?.state).toMatchObject({ value: 3, _model_name: 'IntSliderModel', _model_module_version: '1.5.0' });
    expect([...new Uint8Array(model?.buffers[0]?.data ?? new ArrayBuffer(0))]).toEqual([1, 2]);
    expect(savedWidgets({ widgets: { [key]: { a: record, state: {} } } }).get('a')?.state['value']).toBe(3);
  });

  test('what is not a widget is left out', () => {
    expect(savedWidgets({}).size).toBe(0);
    expect(savedWidgets({ widgets: [] }).size).toBe(0);
    expect(savedWidgets({ widgets: { [key]: { a: 1, b: { state: null } } } }).size).toBe(0);
  });
});

test('a model needs those that it speaks of, and the links between them', () => {
  const state: Record<string, Record<string, unknown>> = {
    box: { children: ['IPY_MODEL_slider', 'IPY_MODEL_lost'] },
    slider: { layout: 'IPY_MODEL_layout', style: { deep: ['IPY_MODEL_style'] } },
    layout: { back: 'IPY_MODEL_box' },
    style: {},
    link: { _model_name: 'LinkModel', source: ['IPY_MODEL_slider', 'value'], target: ['IPY_MODEL_text', 'value'] },
    text: {},
    other: { note: 'IPY_MODEL_other' },
  };
  const models = new Map(Object.entries(state).map(([id, own]) => [id, { id, state: own, buffers: [], metadata: {} }]));
  const ids = neededFor('box', models).map((model) => model.id);
  expect(ids.toSorted()).toEqual(['box', 'layout', 'link', 'slider', 'style', 'text']);
  expect(neededFor('lost', models)).toEqual([]);
});
