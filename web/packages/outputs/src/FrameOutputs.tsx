import { useTheme } from '@labora/ui';
import { type Ref, useEffect, useImperativeHandle, useLayoutEffect, useRef } from 'react';
import { type Output, say } from './core';
import { usableLocation } from './frame-location';
import { FrameSlot } from './frame-slot';
import { useOutputsHost } from './host';
import { type FrameContext, Refusal } from './live';
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

/** All outputs of a cell in its one frame on the content origin. */
export function FrameOutputs({ fileId, cellId, executionId, outputs, onTall, ref }: Props) {
  const host = useOutputsHost();
  const theme = useTheme();
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
    const context: FrameContext = { fileId, cellId, executionId };
    const leaving: (() => void)[] = [];
    const fail = () => {
      if (left) return;
      root.current?.replaceChildren(say('loadFailed'));
      // Whoever waits for this frame is told that there will be none.
      const run = () => Promise.reject(new Refusal('no_frame', say('noFrame')));
      if (live !== undefined) leaving.push(live.attach(context, { run, renew: () => {} }));
    };
    const start = async () => {
      const location = await usableLocation(await latest.current.host.frameLocation(fileId));
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
  }, [fileId, cellId, executionId]);

  useImperativeHandle(ref, () => ({ text: () => slot.current?.text() ?? Promise.resolve('') }), []);
  return <div ref={root} className="lo-frame-slot" />;
}
