/** A page that shows what a test gives it, through the same components as the notebook. */
import { CellOutputs, Markdown, OutputsProvider, type Output } from '@labora/outputs';
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
}

interface Harness {
  fileId: string;
  keys: unknown[];
  violations: string[];
  /** Null until the page takes cells. */
  show: ((cells: Cell[]) => void) | null;
}

const harness: Harness = {
  fileId: new URLSearchParams(location.search).get('file') ?? 'one',
  keys: [],
  violations: [],
  show: null,
};
(window as unknown as { harness: Harness }).harness = harness;
addEventListener('securitypolicyviolation', (event) =>
  harness.violations.push(`${event.violatedDirective} ${event.blockedURI}`),
);
const host = {
  onFrameKey: (cellId: string, key: object) => void harness.keys.push({ cellId, ...key }),
};

function Page() {
  const [cells, setCells] = useState<Cell[]>([]);
  useEffect(() => {
    Object.assign(harness, { show: (next: Cell[]) => flushSync(() => setCells(next)) });
  }, []);
  return (
    <OutputsProvider host={host}>
      <main>
        {cells.map((cell) => (
          <article key={cell.id} id={cell.id}>
            {cell.title === undefined ? null : <h2>{cell.title}</h2>}
            {cell.markdown === undefined ? null : <Markdown source={cell.markdown} />}
            <CellOutputs
              fileId={harness.fileId}
              cellId={cell.id}
              outputs={cell.outputs ?? []}
              executionId={cell.executionId ?? 'run'}
              live={cell.live ?? false}
              onClear={() => {}}
            />
          </article>
        ))}
      </main>
    </OutputsProvider>
  );
}

document.documentElement.dataset['theme'] = new URLSearchParams(location.search).get('theme') ?? 'light';
createRoot(document.getElementById('root') as HTMLElement).render(<Page />);
