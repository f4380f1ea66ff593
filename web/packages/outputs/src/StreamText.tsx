import { useMemo } from 'react';
import { type StreamOutput } from './core';
import { PassiveOutputs } from './PassiveOutputs';
import './outputs.css';

/** One stream on its own, for logs and progress outside a cell. */
export function StreamText({
  fileId,
  text,
  name = 'stdout',
}: {
  fileId: string;
  text: string;
  name?: 'stdout' | 'stderr';
}) {
  const outputs = useMemo<StreamOutput[]>(
    () => [{ id: name, output_type: 'stream', name, parts: [], text }],
    [text, name],
  );
  return <PassiveOutputs fileId={fileId} outputs={outputs} />;
}
