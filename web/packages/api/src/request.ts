/** One request to the API: headers against forgery in, typed errors out. */

/** A refusal of the server, or `offline` when it was not reached. `code` is stable, `message` is for a person. */
export class ApiError extends Error {
  override name = 'ApiError';

  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

export const isApiError = (error: unknown, code?: string): error is ApiError =>
  error instanceof ApiError && (code === undefined || error.code === code);

type Listener = () => void;
const signedOut = new Set<Listener>();

/** Calls back when a request finds that nobody is signed in (any more). */
export function onSignedOut(listener: Listener): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

/** Turns an error answer into an ApiError, whatever a proxy on the way may have put in its place. */
export function errorFrom(status: number, text: string): ApiError {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = null;
  }
  const { code, message, details } = (body ?? {}) as { code?: unknown; message?: unknown; details?: unknown };
  if (status === 401 && code !== 'bad_credentials') for (const listener of signedOut) listener();
  return new ApiError(
    status,
    typeof code === 'string' ? code : `http_${status}`,
    typeof message === 'string' ? message : `The server answered with status ${status}.`,
    typeof details === 'object' && details !== null ? (details as Record<string, unknown>) : {},
  );
}

export type Query = Record<string, string | number | undefined>;

/** The address of a route under /api/v1 with its query. */
export function address(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== '') parameters.set(name, String(value));
  const text = parameters.toString();
  return `/api/v1${path}${text ? `?${text}` : ''}`;
}

export interface RequestOptions {
  query?: Query;
  json?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export async function request<Result>(method: string, path: string, options: RequestOptions = {}): Promise<Result> {
  const headers: Record<string, string> = { Accept: 'application/json', ...options.headers };
  if (method !== 'GET') headers['X-Labora'] = '1';
  if (options.json !== undefined) headers['Content-Type'] = 'application/json';
  const ask = async () => {
    const response = await fetch(address(path, options.query), {
      method,
      headers,
      body: options.json === undefined ? null : JSON.stringify(options.json),
      credentials: 'same-origin',
      ...(options.signal ? { signal: options.signal } : {}),
    });
    return { response, text: await response.text() };
  };
  const { response, text } = await reached(ask, method === 'GET' ? AGAIN_MS : []);
  if (!response.ok) throw errorFrom(response.status, text);
  return (text ? JSON.parse(text) : undefined) as Result;
}

/** Browsers drop what is under way when a network interface comes or goes; what only reads is asked once more. */
const AGAIN_MS = [100, 500];

/** Browsers know when there is no network at all; elsewhere nothing is known. */
const isOffline = (): boolean => typeof navigator !== 'undefined' && navigator.onLine === false;

async function reached<Answer>(ask: () => Promise<Answer>, pauses: readonly number[]): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    const [pause, ...later] = pauses;
    if (pause === undefined || isOffline()) throw new ApiError(0, 'offline', 'The server cannot be reached.');
    await new Promise((resolve) => setTimeout(resolve, pause));
    return reached(ask, later);
  }
}
