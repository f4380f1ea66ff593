/** Files of one's own runtime, over REST (docs/protocols.md, section 8). */
import { Refusal } from '@labora/outputs';
import { contentUrl } from './addresses';

/** Returns a name without a folder: what a browser or a program calls a file may hold one. */
export const bareName = (name: string): string => name.split(/[/\\]/).at(-1)?.trim() || 'file';

/** Joins a folder of the runtime and a file's bare name. */
export const inFolder = (folder: string, name: string): string => `${folder.replace(/\/+$/, '')}/${bareName(name)}`;

/** Puts bytes into the runtime; tells how many were sent. Rejects with a Refusal. */
export function putFile(
  runtimeId: string,
  path: string,
  body: Blob,
  signal?: AbortSignal,
  onProgress?: (sent: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // fetch tells nothing of what it has sent.
    const sending = new XMLHttpRequest();
    sending.open('PUT', contentUrl(runtimeId, path));
    sending.setRequestHeader('Content-Type', 'application/octet-stream');
    sending.setRequestHeader('X-Labora', '1');
    sending.upload.onprogress = (event) => onProgress?.(event.loaded);
    sending.onload = () => (sending.status < 300 ? resolve() : reject(refused(sending.status, sending.responseText)));
    sending.onerror = () => reject(new Refusal('offline', 'The server could not be reached.'));
    sending.onabort = () => reject(new Refusal('cancelled', 'It was cancelled.'));
    signal?.addEventListener('abort', () => sending.abort());
    sending.send(body);
  });
}

function refused(status: number, text: string): Refusal {
  try {
    const { code, message } = JSON.parse(text) as { code: string; message: string };
    return new Refusal(code, message);
  } catch {
    return new Refusal(`http_${status}`, `The server answered with status ${status}.`);
  }
}

/** Lets the browser save a file of the runtime. */
export function saveFile(runtimeId: string, path: string): void {
  const link = document.createElement('a');
  link.href = contentUrl(runtimeId, path);
  link.download = bareName(path);
  document.body.append(link);
  link.click();
  link.remove();
}
