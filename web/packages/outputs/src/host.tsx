/** Where outputs get their bytes and their frame's origin from; the defaults are the server's own routes. */
import { createContext, type ReactNode, useContext, useMemo } from 'react';
import { type BlobInfo } from './core';
import { type FrameComms } from './core/comm-protocol';
import { type ForwardedKey, type PageMessage } from './core/protocol';
import { type FrameLocation } from './frame-location';
import type { FrameContext, LiveHost } from './live';

export interface OutputsHost {
  readBlob(fileId: string, blob: BlobInfo, signal?: AbortSignal): Promise<Blob>;
  /** A same-origin URL of the blob that an `<img>` may load. */
  blobUrl(fileId: string, blob: BlobInfo): string;
  /** `own`: for outputs of this person's own running kernel. */
  frameLocation(fileId: string, own: boolean): Promise<FrameLocation>;
  /** What an image of a cell is called when it is saved, without its ending. */
  imageName?(cellId: string): string;
  /** Whether Markdown may load images from other sites. */
  externalImages: boolean;
  /** The page's side of a frame's comms; without it widgets cannot be drawn. */
  comms?(frame: FrameContext, post: (message: PageMessage) => void): FrameComms;
  /** What lets outputs act; without it they only show. */
  live?: LiveHost;
  /** Restarts the kernel of the notebook, where the person confirms it. */
  restart?(): void;
  /** A key that a frame passes on: Escape, Ctrl+Enter, Shift+Enter. */
  onFrameKey?(cellId: string, key: ForwardedKey): void;
  /** The pointer or Tab went into the frame of a cell. */
  onFrameFocus?(cellId: string): void;
}

const blobUrl = (fileId: string, blob: BlobInfo): string =>
  `/api/v1/files/${encodeURIComponent(fileId)}/blobs/${blob.sha256}?type=${encodeURIComponent(blob.media_type)}`;

async function answered(response: Response): Promise<Response> {
  if (!response.ok) throw new Error(`${response.status} ${response.url}`);
  return response;
}

const DEFAULT_HOST: OutputsHost = {
  blobUrl,
  externalImages: true,
  async readBlob(fileId, blob, signal) {
    const response = await answered(await fetch(blobUrl(fileId, blob), { signal: signal ?? null }));
    return response.blob();
  },
  async frameLocation(fileId, own) {
    const query = own ? '?own=true' : '';
    const response = await answered(await fetch(`/api/v1/files/${encodeURIComponent(fileId)}/frame-origin${query}`));
    return (await response.json()) as FrameLocation;
  },
};

const HostContext = createContext<OutputsHost>(DEFAULT_HOST);

/** Overrides parts of the host for the outputs below it. */
export function OutputsProvider({ host, children }: { host: Partial<OutputsHost>; children: ReactNode }) {
  const outer = useContext(HostContext);
  const merged = useMemo(() => ({ ...outer, ...host }), [outer, host]);
  return <HostContext.Provider value={merged}>{children}</HostContext.Provider>;
}

export const useOutputsHost = (): OutputsHost => useContext(HostContext);
