import { useMemo } from 'react';
import { copyText } from '@labora/ui';
import { type ViewEnv } from './core';
import { type OutputsHost, useOutputsHost } from './host';
import type { FrameContext } from './live';

/** What a view in the page needs. */
export function useViewEnv(fileId: string, cellId?: string, executionId: string | null = null): ViewEnv {
  const host = useOutputsHost();
  return useMemo(
    () => ({
      ...(cellId === undefined ? {} : restartOf(host, { fileId, cellId, executionId })),
      readBlob: (blob, signal) => host.readBlob(fileId, blob, signal),
      blobUrl: (blob) => host.blobUrl(fileId, blob),
      externalImages: host.externalImages,
      ...(cellId === undefined || host.imageName === undefined
        ? {}
        : { imageName: () => host.imageName?.(cellId) ?? 'image' }),
      copyText: async (text) => {
        if (!(await copyText(text))) throw new Error('The browser did not allow it.');
      },
    }),
    [fileId, cellId, executionId, host],
  );
}

/** Restarting is offered where an output may act: there the kernel is the reader's own, and the one that made it. */
function restartOf({ live, restart }: OutputsHost, context: FrameContext): Pick<ViewEnv, 'restart'> {
  if (live === undefined || restart === undefined) return {};
  return {
    restart: {
      possible: () => live.isLive(context),
      watch: (listener) => live.onLive(context, listener),
      run: restart,
    },
  };
}
