/** Where the files of one's own runtime are (docs/protocols.md, section 8). */
import { address } from '@labora/api';

const of = (runtimeId: string): string => `/runtimes/${encodeURIComponent(runtimeId)}`;

export const contentUrl = (runtimeId: string, path: string): string => address(`${of(runtimeId)}/content`, { path });

export const folderUrl = (runtimeId: string, path: string): string => address(`${of(runtimeId)}/files`, { path });
