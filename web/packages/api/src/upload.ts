/** Uploads with progress: XMLHttpRequest, since fetch does not tell how much was sent. */
import { ApiError, address, errorFrom } from './request';
import type { File as DriveFile } from './types';

export interface UploadOptions {
  /** Folder id, or `root`. */
  parent: string;
  name: string;
  signal?: AbortSignal;
  onProgress?: (sent: number, total: number) => void;
}

/** Sends a file's bytes. Rejects with ApiError, or with an AbortError when `signal` fired. */
export function upload(body: Blob, options: UploadOptions): Promise<DriveFile> {
  return new Promise((resolve, reject) => {
    const sender = new XMLHttpRequest();
    sender.open('POST', address('/files/upload', { parent: options.parent, name: options.name }));
    sender.setRequestHeader('X-Labora', '1');
    sender.setRequestHeader('Content-Type', body.type || 'application/octet-stream');
    sender.upload.addEventListener('progress', (event) => options.onProgress?.(event.loaded, body.size));
    sender.addEventListener('load', () => {
      if (sender.status >= 200 && sender.status < 300) {
        try {
          resolve(JSON.parse(sender.responseText) as DriveFile);
        } catch {
          reject(errorFrom(sender.status, sender.responseText));
        }
      } else reject(errorFrom(sender.status, sender.responseText));
    });
    sender.addEventListener('error', () => reject(new ApiError(0, 'offline', 'The server cannot be reached.')));
    sender.addEventListener('abort', () => reject(new DOMException('The upload was cancelled.', 'AbortError')));
    options.signal?.addEventListener('abort', () => sender.abort());
    if (options.signal?.aborted) reject(new DOMException('The upload was cancelled.', 'AbortError'));
    else sender.send(body);
  });
}
