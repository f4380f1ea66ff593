/** The uploads of this page: a few at a time, each can be cancelled or tried again. */
import { api, upload } from '@labora/api';
import { errorText } from '@labora/ui';
import { filesChanged } from '../list/useListing';

export interface Upload {
  id: number;
  name: string;
  size: number;
  sent: number;
  status: 'waiting' | 'sending' | 'done' | 'failed' | 'cancelled';
  error: string | null;
  /** Once done. */
  fileId: string | null;
}

interface Job extends Upload {
  body: Blob;
  parent: string;
  control: AbortController;
}

const AT_ONCE = 3;
let jobs: Job[] = [];
let view: Upload[] = [];
let count = 0;
const listeners = new Set<() => void>();

function emit(): void {
  view = jobs.map(({ id, name, size, sent, status, error, fileId }) => ({
    id,
    name,
    size,
    sent,
    status,
    error,
    fileId,
  }));
  for (const listener of listeners) listener();
}

function warn(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

function pump(): void {
  const busy = jobs.filter((job) => job.status === 'sending').length;
  for (const job of jobs.filter((one) => one.status === 'waiting').slice(0, AT_ONCE - busy)) void send(job);
  const open = jobs.some((job) => job.status === 'sending' || job.status === 'waiting');
  if (open) addEventListener('beforeunload', warn);
  else removeEventListener('beforeunload', warn);
  emit();
}

async function send(job: Job): Promise<void> {
  job.status = 'sending';
  try {
    const file = await upload(job.body, {
      parent: job.parent,
      name: job.name,
      signal: job.control.signal,
      onProgress: (sent) => {
        job.sent = Math.min(sent, job.size);
        emit();
      },
    });
    Object.assign(job, { status: 'done', sent: job.size, fileId: file.id });
    filesChanged();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') job.status = 'cancelled';
    else Object.assign(job, { status: 'failed', error: errorText(error) });
  }
  pump();
}

function add(body: Blob, name: string, parent: string): void {
  count += 1;
  jobs.push({
    id: count,
    name,
    size: body.size,
    sent: 0,
    status: 'waiting',
    error: null,
    fileId: null,
    body,
    parent,
    control: new AbortController(),
  });
}

export function addFiles(files: Iterable<File>, parent: string): void {
  for (const file of files) add(file, file.name, parent);
  pump();
}

const fileOf = (entry: FileSystemFileEntry): Promise<File> =>
  new Promise((resolve, reject) => entry.file(resolve, reject));

async function childrenOf(entry: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = entry.createReader();
  const found: FileSystemEntry[] = [];
  // A reader gives at most a hundred at a time and ends with none.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return found;
    found.push(...some);
  }
}

async function addEntry(entry: FileSystemEntry, parent: string): Promise<void> {
  if (entry.isFile) return addFiles([await fileOf(entry as FileSystemFileEntry)], parent);
  const folder = await api.createFile('folder', entry.name, parent);
  filesChanged();
  for (const child of await childrenOf(entry as FileSystemDirectoryEntry)) await addEntry(child, folder.id);
}

/** Takes what was dropped: files, and folders with all that is in them. Rejects when a folder cannot be made or read. */
export async function addDropped(data: DataTransfer, parent: string): Promise<void> {
  // Entries must be taken before the first await: the browser empties the list after the event.
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return addFiles([...data.files], parent);
  for (const entry of entries) await addEntry(entry, parent);
}

export function cancel(id: number): void {
  const job = jobs.find((one) => one.id === id);
  if (!job) return;
  if (job.status === 'waiting') job.status = 'cancelled';
  job.control.abort();
  pump();
}

export function cancelAll(): void {
  for (const job of jobs) if (job.status === 'waiting' || job.status === 'sending') cancel(job.id);
}

export function retry(id: number): void {
  const job = jobs.find((one) => one.id === id);
  if (!job) return;
  Object.assign(job, { status: 'waiting', sent: 0, error: null, control: new AbortController() });
  pump();
}

/** Forgets what has ended. */
export function clearEnded(): void {
  jobs = jobs.filter((job) => job.status === 'waiting' || job.status === 'sending');
  emit();
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const uploads = (): Upload[] => view;
