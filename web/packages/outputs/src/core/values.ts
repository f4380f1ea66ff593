/** Reading a value of a MIME bundle, which is inline or a reference to a blob. */
import { isBlobRef, type ViewEnv } from './types';

/** Returns a text value; nbformat also allows a list of lines. */
export async function readText(value: unknown, env: ViewEnv, signal?: AbortSignal): Promise<string> {
  if (isBlobRef(value)) return (await env.readBlob(value.$blob, signal)).text();
  return inlineText(value);
}

/** Returns an inline value as text. */
export function inlineText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((line) => typeof line === 'string')) return value.join('');
  return JSON.stringify(value, null, 2) ?? '';
}

/** Returns a JSON value. */
export async function readJson(value: unknown, env: ViewEnv, signal?: AbortSignal): Promise<unknown> {
  if (!isBlobRef(value)) return value;
  return JSON.parse(await (await env.readBlob(value.$blob, signal)).text());
}
