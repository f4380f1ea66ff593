/** What can be done with one output of a cell: save it as an image, remove it. */
import { IconButton, Menu, type MenuItem, toast } from '@labora/ui';
import { useCallback } from 'react';
import { type Output, say } from './core';
import { describeOutput } from './core/describe';
import { useOutputsHost } from './host';
import { mayBeImage, saveImage } from './save-image';

/** So many of the first and of the last are listed. */
const ENDS = 50;

interface Props {
  fileId: string;
  cellId: string;
  outputs: readonly Output[];
  onRemove: ((id: string) => void) | undefined;
  /** Has the cell's frame draw one of its outputs; null where it cannot, or there is no frame. */
  draw: (id: string) => Promise<Blob | null>;
}

export function OutputMenu({ fileId, cellId, outputs, onRemove, draw }: Props) {
  const host = useOutputsHost();
  const save = useCallback(
    async (output: Output, at: number) => {
      const stem = host.imageName?.(cellId) ?? 'image';
      const name = outputs.length > 1 ? `${stem}-${at + 1}` : stem;
      const readBlob = { readBlob: (blob: Parameters<typeof host.readBlob>[1]) => host.readBlob(fileId, blob) };
      const saved = await saveImage(output, name, readBlob, draw).catch(() => false);
      if (!saved) toast({ message: say('noPicture'), kind: 'error' });
    },
    [host, fileId, cellId, outputs, draw],
  );
  const itemsOf = (output: Output, at: number): MenuItem[] => [
    ...(mayBeImage(output)
      ? [{ id: `save-${output.id}`, label: say('saveImage'), onSelect: () => void save(output, at) }]
      : []),
    ...(onRemove === undefined
      ? []
      : [{ id: `remove-${output.id}`, label: say('removeOutput'), onSelect: () => onRemove(output.id) }]),
  ];
  if (onRemove === undefined ? !outputs.some(mayBeImage) : outputs.length === 0) return null;
  const items = (): MenuItem[] => {
    const [only] = outputs;
    if (only !== undefined && outputs.length === 1) return itemsOf(only, 0);
    return outputs.flatMap((output, at) => {
      const inner = at < ENDS || at >= outputs.length - ENDS ? itemsOf(output, at) : [];
      if (inner.length === 0) return [];
      return { id: output.id, label: say('outputNumber', { n: at + 1, name: describeOutput(output) }), items: inner };
    });
  };
  const trigger = <IconButton size="sm" icon="more_vert" label={say('eachOutput')} />;
  const menu = { label: say('eachOutput'), trigger, items, inPlace: outputs.length > 1 };
  // Its opener may go with the output.
  return <Menu align="end" returnFocus={false} {...menu} />;
}
