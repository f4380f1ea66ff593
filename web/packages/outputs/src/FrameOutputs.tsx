import { useTheme } from '@labora/ui';
import { type Ref, useEffect, useImperativeHandle, useLayoutEffect, useRef, useState } from 'react';
import { type Output, say } from './core';
import { usableLocation } from './frame-location';
import { FrameSlot } from './frame-slot';
import { useOutputsHost } from './host';
import { type FrameContext, type LiveHost, Refusal } from './live';
import { type OutputsText } from './PassiveOutputs';
import { frameTheme } from './theme-tokens';

interface Props {
  fileId: string;
  cellId: string;
  executionId: string | null;
  outputs: readonly Output[];
  /** The program wants to be seen in full height. */
  onTall?: (on: boolean) => void;
  ref?: Ref<OutputsText>;
}

/** Whether the cell's frame is one of this person's own running kernel. */
function useOwn(live: LiveHost | undefined, fileId: string, cellId: string, executionId: string | null): boolean {
  const [own, setOwn] = useState(() => live?.isOwn({ fileId, cellId, executionId }, false) ?? false);
  useEffect(() => {
    const context = { fileId, cellId, executionId };
    const look = () => setOwn((was) => live?.isOwn(context, was) ?? false);
    look();
    return live?.onLive(context, look);
  }, [live, fileId, cellId, executionId]);
  return own;
}

/** All outputs of a cell in its one frame on the content origin. */
export function FrameOutputs({ fileId, cellId, executionId, outputs, onTall, ref }: Props) {
  const host = useOutputsHost();
  const theme = useTheme();
  const own = useOwn(host.live, fileId, cellId, executionId);
  const root = useRef<HTMLDivElement>(null);
  const slot = useRef<FrameSlot | null>(null);
  const latest = useRef({ outputs, host, theme, onTall });

  useLayoutEffect(() => {
    latest.current = { outputs, host, theme, onTall };
    slot.current?.setOutputs(outputs);
  }, [outputs, host, theme, onTall]);

  useEffect(() => slot.current?.setTheme(frameTheme(theme)), [theme]);

  useEffect(() => {
    let left = false;
    const { live } = latest.current.host;
    const context: FrameContext = { fileId, cellId, executionId, own };
    const leaving: (() => void)[] = [];
    const fail = () => {
      if (left) return;
      root.current?.replaceChildren(say('loadFailed'));
      // Whoever waits for this frame is told that there will be none.
      const run = () => Promise.reject(new Refusal('no_frame', say('noFrame')));
      if (live !== undefined) leaving.push(live.attach(context, { run, renew: () => {} }));
    };
    const start = async () => {
      const location = await usableLocation(await latest.current.host.frameLocation(fileId, own));
      if (left || root.current === null) return;
      const { comms } = latest.current.host;
      context.opaque = location.mode === 'C';
      slot.current = new FrameSlot(
        root.current,
        {
          key: `${fileId}/${cellId}/${executionId ?? ''}`,
          location,
          title: say('activeOutput'),
          theme: frameTheme(latest.current.theme),
          externalImages: latest.current.host.externalImages,
          isLive: () => live?.isLive(context) ?? false,
          devices: () => live?.devices(context) ?? [],
          ask: ({ verb, args, files }) =>
            live?.ask(context, verb, args, files) ?? Promise.reject(new Refusal('not_live', say('notLive'))),
          onTall: (on) => latest.current.onTall?.(on),
          readBlob: (blob) => latest.current.host.readBlob(fileId, blob),
          comms: comms && ((post) => comms(context, post)),
          onKey: (key) => latest.current.host.onFrameKey?.(cellId, key),
          onFocus: () => latest.current.host.onFrameFocus?.(cellId),
        },
        latest.current.outputs,
      );
      const made = slot.current;
      if (live === undefined) return;
      leaving.push(live.onLive(context, () => made.liveChanged()));
      leaving.push(
        live.attach(context, {
          run: (script, signal) => made.run(script, signal),
          renew: () => made.renew(),
        }),
      );
    };
    start().catch(fail);
    return () => {
      left = true;
      for (const leave of leaving) leave();
      slot.current?.dispose();
      slot.current = null;
    };
    // Another origin is another frame: nothing of the one goes over into the other.
  }, [fileId, cellId, executionId, own]);

  useImperativeHandle(
    ref,
    () => ({
      text: () => slot.current?.text() ?? Promise.resolve(''),
      picture: (id) => slot.current?.picture(id) ?? Promise.resolve(null),
    }),
    [],
  );
  return <div ref={root} className="lo-frame-slot" />;
}
