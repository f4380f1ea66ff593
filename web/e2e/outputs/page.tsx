/** A page that shows what a test gives it, through the same components as the notebook. */
import { CellOutputs, type LiveHost, Markdown, OutputsProvider, type Output } from '@labora/outputs';
import { CommStore, type RoomClient, Store } from '@labora/document';
import { TooltipProvider } from '@labora/ui';
import { WidgetLink } from '../../packages/notebook/src/widgets/link';
import '../../packages/ui/src/tokens.css';
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { flushSync } from 'react-dom';
import './page.css';

interface Cell {
  id: string;
  title?: string;
  markdown?: string;
  outputs?: Output[];
  executionId?: string;
  live?: boolean;
  /** Of this person's own running kernel. */
  own?: boolean;
}

interface Harness {
  fileId: string;
  keys: unknown[];
  /** Cells that the page was told have the focus. */
  focused: string[];
  violations: string[];
  /** Outputs that the person removed, with their cells. */
  removed: [cell: string, output: string][];
  /** Files that the page offered to save. */
  saved: { name: string; blob: Blob }[];
  /** Null until the page takes cells. */
  show: ((cells: Cell[]) => void) | null;
  /** What widgets have sent to the kernel that this page plays. */
  sent: unknown[];
  /** Whose page it is: the cells are of "ada". */
  me: string;
  /** What the notebook's file keeps of its widgets. */
  metadata: Record<string, unknown>;
  /** Programs of widget packages that the kernel's environment has. */
  modules: Record<string, string>;
  /** A message of the kernel. */
  said(header: object): void;
}

const harness: Harness = {
  fileId: new URLSearchParams(location.search).get('file') ?? 'one',
  keys: [],
  focused: [],
  violations: [],
  removed: [],
  saved: [],
  show: null,
  sent: [],
  me: 'ada',
  metadata: {},
  modules: {},
  said: (header) => comms.received({ account_id: 'ada', execution_id: 'run', ...header } as never, []),
};
(window as unknown as { harness: Harness }).harness = harness;
addEventListener('securitypolicyviolation', (event) =>
  harness.violations.push(`${event.violatedDirective} ${event.blockedURI}`),
);
// What is offered to save, kept instead of saved: the page's policy lets nothing read it back from its address.
const made = new Map<string, Blob>();
const createObjectURL = URL.createObjectURL.bind(URL);
URL.createObjectURL = (blob: Blob) => {
  const address = createObjectURL(blob);
  made.set(address, blob);
  return address;
};
const click = HTMLAnchorElement.prototype.click;
HTMLAnchorElement.prototype.click = function () {
  const blob = made.get(this.href);
  if (blob === undefined) click.call(this);
  else harness.saved.push({ name: this.download, blob });
};
let shown: Cell[] = [];
const comms = new CommStore();
comms.begin();
/** A notebook of which only the widgets are real. */
const client = {
  comms,
  status: new Store({ connection: 'online', account: { id: '' } }),
  room: {
    get state() {
      const life = { runtime_id: 'r', life: 1 };
      const account = { id: 'ada', name: 'Ada' };
      const execution = { id: 'run', account, status: 'ok', started_at: '', ...life };
      return {
        // The first cell shows it live.
        cells: Object.fromEntries(shown.map(({ id }) => [id, { execution_id: 'run' }])),
        executions: { run: { ...execution, cell_id: shown[0]?.id } },
        runtimes: { ada: { status: 'ready', kernel: 'idle', ...life } },
      };
    },
  },
  document: { metadata: () => harness.metadata },
  sendComm(message: { content: { data: unknown } }, from: object) {
    const told = comms.sent('ada', message as never, from);
    harness.sent.push(message.content.data);
    return Promise.resolve().then(() => told.done());
  },
};
const watching = new Set<() => void>();
const live: LiveHost = {
  isLive: () => false,
  isOwn: ({ cellId }) => shown.find((cell) => cell.id === cellId)?.own ?? false,
  onLive(_context, listener) {
    watching.add(listener);
    return () => void watching.delete(listener);
  },
  ask: () => Promise.reject(new Error('not live')),
  devices: () => [],
  attach: () => () => {},
};
const host = {
  live,
  comms(frame: never, post: never) {
    client.status.patch({ account: { id: harness.me } });
    const module = (name: string) => Promise.resolve(harness.modules[name] ?? null);
    return new WidgetLink(client as unknown as RoomClient, frame, post, module);
  },
  imageName: (cellId: string) => `picture-${cellId}`,
  onFrameKey: (cellId: string, key: object) => void harness.keys.push({ cellId, ...key }),
  onFrameFocus: (cellId: string) => void harness.focused.push(cellId),
};

function Page() {
  const [cells, setCells] = useState<Cell[]>([]);
  useEffect(() => {
    const show = (next: Cell[]) => {
      shown = next;
      flushSync(() => setCells(next));
      for (const listener of watching) listener();
    };
    Object.assign(harness, { show });
  }, []);
  return (
    <OutputsProvider host={host}>
      <main>
        {cells.map((cell) => (
          <article key={cell.id} id={cell.id}>
            {cell.title === undefined ? null : <h2>{cell.title}</h2>}
            {cell.markdown === undefined ? null : (
              <Markdown source={cell.markdown} fileId={harness.fileId} cellId={cell.id} />
            )}
            <CellOutputs
              fileId={harness.fileId}
              cellId={cell.id}
              outputs={cell.outputs ?? []}
              executionId={cell.executionId ?? 'run'}
              live={cell.live ?? false}
              onClear={() => {}}
              onRemove={(id) => void harness.removed.push([cell.id, id])}
            />
          </article>
        ))}
      </main>
    </OutputsProvider>
  );
}

document.documentElement.dataset['theme'] = new URLSearchParams(location.search).get('theme') ?? 'light';
createRoot(document.getElementById('root') as HTMLElement).render(
  <TooltipProvider>
    <Page />
  </TooltipProvider>,
);
