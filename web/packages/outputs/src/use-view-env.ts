import { useMemo } from 'react';
import { type ViewEnv } from './core';
import { useOutputsHost } from './host';

/** What a view in the page needs. */
export function useViewEnv(fileId: string): ViewEnv {
  const host = useOutputsHost();
  return useMemo(
    () => ({
      readBlob: (blob, signal) => host.readBlob(fileId, blob, signal),
      blobUrl: (blob) => host.blobUrl(fileId, blob),
      externalImages: host.externalImages,
      copyText: (text) => navigator.clipboard.writeText(text),
    }),
    [fileId, host],
  );
}
