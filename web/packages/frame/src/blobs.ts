/** Bytes by reference, asked of the app's page through the port: the frame itself can read nothing of the server. */
import { type BlobInfo } from '@labora/outputs/core';
import { type FrameMessage } from '@labora/outputs/core/protocol';

export class BlobReader {
  private readonly waiting = new Map<number, (blob: Blob | null) => void>();
  private requests = 0;

  constructor(private readonly post: (message: FrameMessage) => void) {}

  async read(blob: BlobInfo): Promise<Blob> {
    const request = ++this.requests;
    const bytes = await new Promise<Blob | null>((resolve) => {
      this.waiting.set(request, resolve);
      this.post({ t: 'blob', request, blob });
    });
    if (bytes === null) throw new Error('The value could not be loaded.');
    return bytes;
  }

  answer(request: number, blob: Blob | null): void {
    this.waiting.get(request)?.(blob);
    this.waiting.delete(request);
  }
}
