import { CommandError, CommStore, type RoomClient, type RuntimeState, type SentComm, Store } from '@labora/document';
import type { CommMessage, Followed, PageMessage } from '@labora/outputs';
import { describe, expect, test } from 'vitest';
import { WidgetLink } from './link';

const STATE = 'application/vnd.jupyter.widget-state+json';
const turn = () => new Promise<void>((resolve) => setTimeout(resolve));

/** A notebook of which only the widgets are real, as somebody's page shows it. */
function page(me: string, metadata: Record<string, unknown> = {}) {
  const comms = new CommStore();
  const sent: SentComm[] = [];
  const status = new Store({ connection: 'online', account: { id: me } });
  const life = { runtime_id: 'r', life: 1 };
  const account = { id: 'ada', name: 'Ada' };
  const executions = { run: { id: 'run', cell_id: 'c', account, status: 'ok', started_at: 'then', ...life } };
  const runtime = { status: 'ready', kernel: 'idle', ...life } as RuntimeState;
  const state = { cells: { c: { execution_id: 'run' } }, executions, runtimes: { ada: runtime } };
  const kernel = { refuses: false };
  const client = {
    comms,
    status,
    room: { state },
    document: { metadata: () => metadata },
    sendComm(message: SentComm, from: object) {
      const told = comms.sent(me, message, from);
      sent.push(message);
      if (!kernel.refuses) return Promise.resolve().then(() => told.done());
      return Promise.reject(new CommandError('refused', 'No.')).finally(() => told.refused());
    },
  } as unknown as RoomClient;
  const modules: string[] = [];
  const frame = (executionId: string | null = 'run', own = false) => {
    const told: PageMessage[] = [];
    const module = (name: string) => {
      modules.push(name);
      return Promise.resolve(`program of ${name}`);
    };
    const link = new WidgetLink(
      client,
      { fileId: 'f', cellId: 'c', executionId, own },
      (one) => told.push(one),
      module,
    );
    const follow = async (id: string): Promise<Followed> => {
      link.receive({ t: 'follow', request: 1, id });
      await turn();
      const answer = told.findLast((one) => one.t === 'followed');
      if (answer?.t !== 'followed') throw new Error('no answer yet');
      return answer.value;
    };
    const heard = () => told.flatMap((one) => (one.t === 'comm' ? [one.message] : []));
    return { link, told, follow, heard };
  };
  const open = (id: string, state: object, more: object = {}) =>
    comms.received(
      {
        type: 'comm_open',
        account_id: 'ada',
        execution_id: 'run',
        content: { comm_id: id, target_name: 'jupyter.widget', data: { state, buffer_paths: [] } },
        ...more,
      },
      [],
    );
  comms.begin();
  return {
    comms,
    sent,
    status,
    modules,
    runtime,
    kernel,
    frame,
    open,
    ready: () => comms.received({ type: 'comms_ready' }, []),
  };
}

const move = (id: string, value: number): CommMessage => ({
  id: `move-${value}`,
  type: 'comm_msg',
  content: { comm_id: id, data: { method: 'update', state: { value }, buffer_paths: [] } },
  metadata: {},
  buffers: [],
});
const values = (messages: readonly CommMessage[]) =>
  messages.map((message) => (message.content.data as { state?: { value?: unknown } }).state?.value);

describe('a frame of the account that ran the cell', () => {
  test('follows a model and what it needs, and moves it; other frames hear of that, it itself does not', async () => {
    const { sent, frame, open, ready } = page('ada');
    open('slider', { value: 1, layout: 'IPY_MODEL_layout' }, { snapshot: true });
    open('layout', {}, { snapshot: true });
    open('other', {}, { snapshot: true });
    ready();
    const [one, two] = [frame(), frame()];
    const answer = await one.follow('slider');
    expect(answer).toMatchObject({ source: 'live', mine: true });
    expect(answer.models.map((model) => model.id)).toEqual(['slider', 'layout']);
    await two.follow('slider');
    one.link.receive({ t: 'comm', message: move('slider', 5) });
    await turn();
    expect(sent).toMatchObject([{ execution_id: 'run', content: { comm_id: 'slider' } }]);
    expect(one.told.at(-1)).toEqual({ t: 'comm-done', id: 'move-5', ok: true });
    expect(one.heard()).toEqual([]);
    expect(values(two.heard())).toEqual([5]);
  });

  test('waits for the server to tell what lives', async () => {
    const { frame, open, ready } = page('ada');
    const { link, told } = frame();
    link.receive({ t: 'follow', request: 7, id: 'slider' });
    await turn();
    expect(told).toEqual([]);
    open('slider', { value: 1 }, { snapshot: true });
    ready();
    await turn();
    expect(told).toMatchObject([{ t: 'followed', request: 7, value: { source: 'live' } }]);
  });

  test('a model that comes later is told, and a new link between models', async () => {
    const { frame, open, ready } = page('ada');
    ready();
    const { follow, heard } = frame();
    expect((await follow('late')).source).toBe('none');
    open('late', {});
    expect(heard().map((message) => message.content.comm_id)).toEqual(['late']);
    expect((await follow('late')).source).toBe('live');
    open('unrelated', {});
    open('link', { _model_name: 'LinkModel', source: ['IPY_MODEL_late', 'value'], target: ['IPY_MODEL_x', 'value'] });
    expect(heard().map((message) => message.content.comm_id)).toEqual(['late', 'link']);
  });

  test('after a break the frame takes the state that the server tells, and hears of an end', async () => {
    const { comms, frame, open, ready } = page('ada');
    open('slider', { value: 1 }, { snapshot: true });
    ready();
    const { follow, heard } = frame();
    await follow('slider');
    comms.disconnected();
    comms.begin();
    open('slider', { value: 9 }, { snapshot: true });
    ready();
    expect(values(heard())).toContain(9);
    comms.received({ type: 'comms_gone', account_id: 'ada' }, []);
    expect(heard().at(-1)?.type).toBe('comms_gone');
  });

  test('what it sends to no comm of its account goes nowhere', async () => {
    const { sent, frame, ready } = page('ada');
    ready();
    const { link, told } = frame();
    link.receive({ t: 'comm', message: move('guessed', 1) });
    expect(sent).toEqual([]);
    expect(told).toEqual([{ t: 'comm-done', id: 'move-1', ok: false }]);
  });
});

describe('what is refused', () => {
  test('goes back in every frame, and a comm that did not open is kept by nobody', async () => {
    const { comms, kernel, frame, open, ready } = page('ada');
    open('slider', { value: 1 }, { snapshot: true });
    ready();
    kernel.refuses = true;
    const [one, two] = [frame(), frame()];
    await one.follow('slider');
    await two.follow('slider');
    one.link.receive({ t: 'comm', message: move('slider', 5) });
    one.link.receive({ t: 'comm', message: move('slider', 6) });
    const made = { comm_id: 'mine', target_name: 'jupyter.widget', data: { state: {}, buffer_paths: [] } };
    one.link.receive({ t: 'comm', message: { ...move('mine', 0), type: 'comm_open', content: made } });
    await turn();
    expect(one.told).toContainEqual({ t: 'comm-done', id: 'move-5', ok: false });
    expect(values(two.heard()).at(-1)).toBe(1);
    expect(values(one.heard()).at(-1)).toBe(1);
    expect(comms.models('ada').get('slider')?.state).toEqual({ value: 1 });
    expect(comms.models('ada').has('mine')).toBe(false);
    kernel.refuses = false;
    one.link.receive({ t: 'comm', message: { ...move('mine', 0), type: 'comm_open', content: made } });
    await turn();
    expect(comms.models('ada').has('mine')).toBe(true);
  });

  test('a frame with comms of its own alone hears of the end, and nothing of a comm that has ended', async () => {
    const { comms, frame, ready } = page('ada');
    ready();
    const { link, heard } = frame();
    const about = { account_id: 'ada', execution_id: 'run' };
    const content = { comm_id: 'chat', target_name: 'chat', data: {} };
    const said = (type: string) => comms.received({ type, ...about, content } as never, []);
    said('comm_open');
    said('comm_close');
    said('comm_msg');
    expect(heard().map(({ type }) => type)).toEqual(['comm_open', 'comm_close']);
    link.receive({ t: 'comm', message: { ...move('chat', 0), type: 'comm_open', content } });
    await turn();
    comms.received({ type: 'comms_gone', account_id: 'ada' }, []);
    expect(heard().at(-1)?.type).toBe('comms_gone');
  });
});

describe('a frame that is not live', () => {
  test('test_sec_29 of a kernel that has ended: it sends nothing, and the page keeps nothing of it', async () => {
    const { comms, sent, runtime, frame, open, ready } = page('ada');
    open('slider', { value: 1 }, { snapshot: true });
    ready();
    runtime.life = 2;
    const { link, follow, heard } = frame();
    await follow('slider');
    link.receive({ t: 'comm', message: move('slider', 5) });
    const made = { comm_id: 'mine', target_name: 'jupyter.widget', data: { state: {}, buffer_paths: [] } };
    link.receive({ t: 'comm', message: { ...move('mine', 0), type: 'comm_open', content: made } });
    await turn();
    expect(sent).toEqual([]);
    expect(values(heard())).toEqual([1]);
    expect(comms.models('ada').has('mine')).toBe(false);
  });

  test('test_sec_29 what the document keeps of widgets runs in no own frame, and in no live one', async () => {
    const saved = { model_name: 'M', model_module: 'm', model_module_version: '1', state: { _esm: 'evil' } };
    const { runtime, frame, ready } = page('ada', {
      widgets: { [STATE]: { state: { saved }, version_major: 2 } },
    });
    ready();
    expect((await frame().follow('saved')).source).toBe('none');
    runtime.kernel = 'dead';
    expect((await frame('run', true).follow('saved')).source).toBe('none');
    expect((await frame().follow('saved')).source).toBe('saved');
  });

  test('test_sec_29 of somebody else: it is shown all, sends nothing, and has its own change put back', async () => {
    const { sent, frame, open, ready, modules } = page('grace');
    open('slider', { value: 1 }, { snapshot: true });
    ready();
    const { link, told, follow, heard } = frame();
    expect(await follow('slider')).toMatchObject({ source: 'live', mine: false, owner: 'Ada' });
    link.receive({ t: 'comm', message: move('slider', 5) });
    link.receive({ t: 'comm', message: { ...move('x', 0), type: 'comm_open' } });
    link.receive({ t: 'module', request: 2, name: 'jupyter-matplotlib' });
    await turn();
    expect(sent).toEqual([]);
    expect(modules).toEqual([]);
    expect(told).toContainEqual({ t: 'module', request: 2, source: null });
    expect(values(heard())).toEqual([1]);
  });

  test('test_sec_29 a saved output of nobody follows no kernel, only the file', async () => {
    const record = { model_name: 'M', model_module: 'm', model_module_version: '1', state: { value: 3 } };
    const { sent, frame, open, ready } = page('ada', {
      widgets: { [STATE]: { state: { saved: record }, version_major: 2 } },
    });
    open('slider', { value: 1 }, { snapshot: true });
    ready();
    const { link, follow } = frame(null);
    expect((await follow('slider')).source).toBe('none');
    expect(await follow('saved')).toMatchObject({ source: 'saved', mine: false, models: [{ state: { value: 3 } }] });
    link.receive({ t: 'comm', message: move('slider', 5) });
    expect(sent).toEqual([]);
  });
});
