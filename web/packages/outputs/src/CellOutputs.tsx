import { type ReactNode, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { copyText, IconButton } from '@labora/ui';
import { needsFrame, type Output, say } from './core';
import { FrameOutputs } from './FrameOutputs';
import { OutputMenu } from './OutputMenu';
import { type OutputsText, PassiveOutputs } from './PassiveOutputs';
import './outputs.css';

/** Outputs higher than this scroll in a box … */
const TALL_PX = 680;

export interface CellOutputsProps {
  fileId: string;
  cellId: string;
  outputs: readonly Output[];
  executionId: string | null;
  /** The execution runs: the end of the outputs stays in sight, and nothing collapses between two displays. */
  live: boolean;
  /** Something asks for the cell's frame, whatever is in it yet. */
  frameWanted?: boolean;
  /** Shows a button that clears the outputs. */
  onClear?: () => void;
  /** Removes one of the outputs. */
  onRemove?: (id: string) => void;
  /** Those of `outputs` that are the cell's; all, where this is left out. */
  owned?: readonly Output[];
  /** Whether tall outputs scroll in a box (`metadata.scrolled`); undefined decides by height. */
  scrolled?: boolean | undefined;
  onScrolledChange?: (scrolled: boolean) => void;
}

/** Once a run has shown something active, it stays in its frame, so that `clear_output` does not reload it. */
function useFrameNeeded(executionId: string | null, outputs: readonly Output[], wanted: boolean): boolean {
  const needed = wanted || needsFrame(outputs);
  const [held, setHeld] = useState({ executionId, needed });
  if (held.executionId !== executionId || (needed && !held.needed)) {
    setHeld({ executionId, needed });
    return needed;
  }
  return held.needed;
}

/** The outputs of one cell: in the page when they are passive, wholly in one frame when any of them is active. */
export function CellOutputs(props: CellOutputsProps) {
  const { fileId, cellId, outputs, executionId, live } = props;
  const framed = useFrameNeeded(executionId, outputs, props.frameWanted ?? false);
  const body = useRef<OutputsText>(null);
  const root = useRef<HTMLDivElement>(null);
  const [uncapped, setUncapped] = useState<string | null>(null);
  const onTall = useCallback((on: boolean) => setUncapped(on ? executionId : null), [executionId]);
  const draw = useCallback((id: string) => body.current?.picture(id) ?? Promise.resolve(null), []);
  if (outputs.length === 0 && !(framed && (live || props.frameWanted))) return null;
  return (
    <div ref={root} className="lo-outputs" role="group" aria-label={say('activeOutput')} data-cell-outputs={cellId}>
      <TallBox {...props} {...(uncapped !== null && uncapped === executionId ? { scrolled: false } : {})}>
        {framed ? (
          <FrameOutputs key={executionId} ref={body} {...{ fileId, cellId, executionId, outputs, onTall }} />
        ) : (
          <PassiveOutputs ref={body} {...{ fileId, cellId, executionId, outputs }} />
        )}
      </TallBox>
      <Tools
        onCopy={() => body.current?.text() ?? Promise.resolve('')}
        onFullScreen={() => void toggleFullScreen(root.current)}
        onClear={props.onClear}
      >
        <OutputMenu {...{ fileId, cellId }} outputs={props.owned ?? outputs} onRemove={props.onRemove} draw={draw} />
      </Tools>
    </div>
  );
}

/** Lets the outputs fill the screen, or ends that; a browser may refuse, and then they stay as they are. */
async function toggleFullScreen(element: HTMLElement | null): Promise<void> {
  if (document.fullscreenElement === element) await document.exitFullscreen().catch(() => {});
  else await element?.requestFullscreen().catch(() => {});
}

const COPY_ICONS = { copyOutput: 'content_copy', copied: 'check', copyFailed: 'error' } as const;

interface ToolsProps {
  onCopy: () => Promise<string>;
  onFullScreen: () => void;
  onClear: (() => void) | undefined;
  children: ReactNode;
}

function Tools({ onCopy, onFullScreen, onClear, children }: ToolsProps) {
  const [told, setTold] = useState<'copyOutput' | 'copied' | 'copyFailed'>('copyOutput');
  const copy = useCallback(() => {
    onCopy()
      .then(copyText)
      .then(
        (done) => setTold(done ? 'copied' : 'copyFailed'),
        () => setTold('copyFailed'),
      );
  }, [onCopy]);
  useEffect(() => {
    if (told === 'copyOutput') return;
    const timer = setTimeout(() => setTold('copyOutput'), 1_500);
    return () => clearTimeout(timer);
  }, [told]);
  return (
    <div className="lo-tools" role="toolbar" aria-label={say('outputTools')}>
      <IconButton size="sm" icon={COPY_ICONS[told]} label={say(told)} onClick={copy} />
      <span className="ui-hidden" role="status">
        {told === 'copyOutput' ? '' : say(told)}
      </span>
      {document.fullscreenEnabled && (
        <IconButton size="sm" icon="fullscreen" label={say('fullScreen')} onClick={onFullScreen} />
      )}
      {onClear && <IconButton size="sm" icon="cancel" label={say('clearOutput')} onClick={onClear} />}
      {children}
    </div>
  );
}

function TallBox({ live, outputs, scrolled, onScrolledChange, children }: CellOutputsProps & { children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const [tall, setTall] = useState(false);
  const [chosen, setChosen] = useState(scrolled);
  const capped = (scrolled ?? chosen ?? tall) && tall;

  useLayoutEffect(() => {
    const element = content.current;
    if (element === null) return;
    const measure = () => setTall(element.offsetHeight > TALL_PX);
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);

  // What is printed is followed; a table or a value is read from its top.
  useFollow(box, content, live && capped && outputs.at(-1)?.output_type === 'stream');

  const toggle = () => {
    setChosen(!capped);
    onScrolledChange?.(!capped);
  };
  return (
    <>
      <div
        ref={box}
        className={capped ? 'lo-box lo-capped' : 'lo-box'}
        // A box that scrolls is a stop of the keyboard.
        {...(capped ? { tabIndex: 0, role: 'group', 'aria-label': say('activeOutput') } : {})}
      >
        <div ref={content}>{children}</div>
      </div>
      {tall ? (
        <button type="button" className="lo-expand" aria-expanded={!capped} onClick={toggle}>
          {say(capped ? 'expand' : 'collapse')}
        </button>
      ) : null}
    </>
  );
}

/** Keeps the end in sight while output grows, unless the reader scrolled away from it. */
function useFollow(
  box: React.RefObject<HTMLElement | null>,
  content: React.RefObject<HTMLElement | null>,
  on: boolean,
) {
  useEffect(() => {
    const [outer, inner] = [box.current, content.current];
    if (!on || outer === null || inner === null) return;
    let following = true;
    const onScroll = () => {
      following = outer.scrollHeight - outer.scrollTop - outer.clientHeight < 40;
    };
    const observer = new ResizeObserver(() => {
      if (following) outer.scrollTop = outer.scrollHeight;
    });
    outer.addEventListener('scroll', onScroll, { passive: true });
    observer.observe(inner);
    return () => {
      observer.disconnect();
      outer.removeEventListener('scroll', onScroll);
    };
  }, [box, content, on]);
}
