/** Large files in pieces: goes on where the server stands, whatever broke in between. */
import { type File as DriveFile, type UploadState, api, isApiError, sendPiece } from '@labora/api';

/** Files from this size on go in pieces. */
export const LARGE = 8 * 1024 * 1024;
/** Bytes of a piece: what is sent again at most when a connection breaks before the server has it. */
export const PIECE = 8 * 1024 * 1024;
const LONGEST_WAIT = 15_000;

export interface Hooks {
  signal: AbortSignal;
  /** The upload that was begun before, if any. */
  id: string | null;
  onStart: (id: string) => void;
  onProgress: (sent: number) => void;
  /** Told whether the server takes it at the moment, and if not, why. */
  onConnection: (online: boolean, why?: unknown) => void;
}

const passes = (error: unknown): boolean =>
  isApiError(error) &&
  (error.status === 0 || [429, 502, 503, 504].includes(error.status) || error.code === 'storage_full');

/** Waits a while, less when the browser says that the network is back. Rejects when `signal` fires. */
function pause(tries: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (act: () => void) => {
      clearTimeout(timer);
      removeEventListener('online', wake);
      signal.removeEventListener('abort', stop);
      act();
    };
    const wake = () => end(resolve);
    const stop = () => end(() => reject(new DOMException('The upload was stopped.', 'AbortError')));
    const timer = setTimeout(wake, Math.min(LONGEST_WAIT, 500 * 2 ** tries));
    addEventListener('online', wake);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
  });
}

/** Does what may fail for want of a connection until it succeeds. Other failures are the caller's. */
async function insist<T>(hooks: Hooks, work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      const result = await work();
      hooks.onConnection(true);
      return result;
    } catch (error) {
      if (!passes(error)) throw error;
      hooks.onConnection(false, error);
      await pause(tries, hooks.signal);
    }
  }
}

/** Sends a file and returns what it became. Rejects with ApiError, or with an AbortError when `signal` fired. */
export async function uploadInPieces(body: Blob, name: string, parent: string, hooks: Hooks): Promise<DriveFile> {
  const { signal } = hooks;
  const begin = () => insist(hooks, () => api.startUpload(name, parent, body.size, signal));
  const look = (id: string) => insist(hooks, () => api.upload(id, signal));
  let state: UploadState;
  try {
    state = hooks.id === null ? await begin() : await look(hooks.id);
  } catch (error) {
    // Expired meanwhile, or dropped on another device.
    if (hooks.id === null || !isApiError(error, 'no_such_upload')) throw error;
    state = await begin();
  }
  hooks.onStart(state.id);
  while (state.received < body.size) {
    const from = state.received;
    hooks.onProgress(from);
    const piece = body.slice(from, from + PIECE);
    const { id } = state;
    let tried = false;
    state = await insist(hooks, async () => {
      // After a break the server says where it stands: it keeps what arrived of a piece.
      if (tried) {
        const now = await api.upload(id, signal);
        if (now.received !== from) return now;
      }
      tried = true;
      try {
        return await sendPiece(id, from, piece, { signal, onProgress: (sent) => hooks.onProgress(from + sent) });
      } catch (error) {
        if (isApiError(error, 'offset_mismatch')) return api.upload(id, signal);
        throw error;
      }
    });
  }
  hooks.onProgress(body.size);
  const { id } = state;
  return insist(hooks, () => api.completeUpload(id, signal));
}
