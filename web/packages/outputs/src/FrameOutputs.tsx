import { useTheme } from '@labora/ui';
import { type Ref, useEffect, useImperativeHandle, useLayoutEffect, useRef } from 'react';
import { type Output, say } from './core';
import { usableLocation } from './frame-location';
import { FrameSlot } from './frame-slot';
import { useOutputsHost } from './host';
import { type OutputsText } from './PassiveOutputs';
import { frameTheme } from './theme-tokens';

interface Props {
  fileId: string;
  cellId: string;
  executionId: string | null;
  outputs: readonly Output[];
  ref?: Ref<OutputsText>;
}

/** All outputs of a cell in its one frame on the content origin. */
export function FrameOutputs({ fileId, cellId, executionId, outputs, ref }: Props) {
  const host = useOutputsHost();
  const theme = useTheme();
  const root = useRef<HTMLDivElement>(null);
  const slot = useRef<FrameSlot | null>(null);
  const latest = useRef({ outputs, host, theme });

  useLayoutEffect(() => {
    latest.current = { outputs, host, theme };
    slot.current?.setOutputs(outputs);
  }, [outputs, host, theme]);

  useEffect(() => slot.current?.setTheme(frameTheme(theme)), [theme]);

  useEffect(() => {
    let left = false;
    const fail = () => root.current?.replaceChildren(say('loadFailed'));
    const start = async () => {
      const location = await usableLocation(await latest.current.host.frameLocation(fileId));
      if (left || root.current === null) return;
      const { comms } = latest.current.host;
      slot.current = new FrameSlot(
        root.current,
        {
          key: `${fileId}/${cellId}/${executionId ?? ''}`,
          location,
          title: say('activeOutput'),
          theme: frameTheme(latest.current.theme),
          externalImages: latest.current.host.externalImages,
          readBlob: (blob) => latest.current.host.readBlob(fileId, blob),
          comms: comms && ((post) => comms({ fileId, cellId, executionId }, post)),
          onKey: (key) => latest.current.host.onFrameKey?.(cellId, key),
          onFocus: () => latest.current.host.onFrameFocus?.(cellId),
        },
        latest.current.outputs,
      );
    };
    start().catch(fail);
    return () => {
      left = true;
      slot.current?.dispose();
      slot.current = null;
    };
  }, [fileId, cellId, executionId]);

  useImperativeHandle(ref, () => ({ text: () => slot.current?.text() ?? Promise.resolve('') }), []);
  return <div ref={root} className="lo-frame-slot" />;
}
