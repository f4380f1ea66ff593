/** What each file is, as far as a list told: so that opening one need not ask first. */
import type { File } from '@labora/api';

const kinds = new Map<string, File['kind']>();

export function rememberKinds(files: File[]): void {
  for (const file of files) kinds.set(file.id, file.kind);
}

export const knownKind = (id: string): File['kind'] | undefined => kinds.get(id);
