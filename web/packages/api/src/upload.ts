/** Uploads with progress: XMLHttpRequest, since fetch does not tell how much was sent. */
import { ApiError, address, errorFrom } from './request';
import type { File as DriveFile, UploadState } from './types';

export interface SendOptions {
  signal?: AbortSignal;
  onProgress?: (sent: number, total: number) => void;
}

export interface UploadOptions extends SendOptions {
  /** Folder id, or `root`. */
  parent: string;
  name: string;
}

/** Sends a file's bytes. Rejects with ApiError, or with an AbortError when `signal` fired. */
export function upload(body: Blob, options: UploadOptions): Promise<DriveFile> {
  const where = address('/files/upload', { parent: options.parent, name: options.name });
  return send<DriveFile>('POST', where, body, {}, options);
}

/** Sends the piece of an upload that begins at `offset`, where the upload stands. Rejects as `upload` does. */
export function sendPiece(id: string, offset: number, body: Blob, options: SendOptions): Promise<UploadState> {
  const where = address(`/uploads/${encodeURIComponent(id)}`);
  return send<UploadState>('PATCH', where, body, { 'Upload-Offset': String(offset) }, options);
}

function send<Result>(
  method: string,
  where: string,
  body: Blob,
  headers: Record<string, string>,
  options: SendOptions,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const sender = new XMLHttpRequest();
    sender.open(method, where);
    sender.setRequestHeader('X-Labora', '1');
    sender.setRequestHeader('Content-Type', body.type || 'application/octet-stream');
    for (const [name, value] of Object.entries(headers)) sender.setRequestHeader(name, value);
    sender.upload.addEventListener('progress', (event) => options.onProgress?.(event.loaded, body.size));
    sender.addEventListener('load', () => {
      if (sender.status >= 200 && sender.status < 300) {
        try {
          resolve(JSON.parse(sender.responseText) as Result);
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
