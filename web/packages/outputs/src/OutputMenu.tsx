/** What can be done with one output of a cell: save it as an image, remove it. */
import { IconButton, Menu, type MenuItem, toast } from '@labora/ui';
import { useCallback } from 'react';
import { type Output, say } from './core';
import { describeOutput } from './core/describe';
import { useOutputsHost } from './host';
import { mayBeImage, saveImage } from './save-image';

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
  const listed = outputs.map((output, at) => ({ output, at, items: itemsOf(output, at) }));
  const some = listed.filter(({ items }) => items.length > 0);
  if (some.length === 0) return null;
  const items = (): MenuItem[] =>
    outputs.length === 1
      ? (some[0]?.items ?? [])
      : some.map(({ output, at, items: inner }) => ({
          id: output.id,
          label: say('outputNumber', { n: at + 1, name: describeOutput(output) }),
          items: inner,
        }));
  const trigger = <IconButton size="sm" icon="more_vert" label={say('eachOutput')} />;
  return <Menu align="end" label={say('eachOutput')} trigger={trigger} items={items} inPlace={outputs.length > 1} />;
}
