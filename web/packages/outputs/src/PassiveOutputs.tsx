import { useImperativeHandle, useLayoutEffect, useRef, type Ref } from 'react';
import { type Output, OutputList } from './core';
import { useViewEnv } from './use-view-env';

export interface OutputsText {
  /** All outputs of the cell as plain text. */
  text(): Promise<string>;
  /** One of them as a PNG, where it is drawn in a frame; null elsewhere. */
  picture(id: string): Promise<Blob | null>;
}

/** Outputs that may stand in the page itself. */
export function PassiveOutputs({
  fileId,
  cellId,
  executionId,
  outputs,
  ref,
}: {
  fileId: string;
  cellId?: string;
  executionId?: string | null;
  outputs: readonly Output[];
  ref?: Ref<OutputsText>;
}) {
  const root = useRef<HTMLDivElement>(null);
  const list = useRef<OutputList | null>(null);
  const env = useViewEnv(fileId, cellId, executionId);

  const latest = useRef(outputs);

  useLayoutEffect(() => {
    latest.current = outputs;
    list.current?.update(outputs);
  }, [outputs]);

  useLayoutEffect(() => {
    if (root.current === null) return;
    const made = new OutputList(root.current, env);
    made.update(latest.current);
    list.current = made;
    return () => {
      made.dispose();
      list.current = null;
    };
  }, [env]);

  useImperativeHandle(
    ref,
    () => ({ text: () => list.current?.text() ?? Promise.resolve(''), picture: () => Promise.resolve(null) }),
    [],
  );
  return <div ref={root} />;
}
