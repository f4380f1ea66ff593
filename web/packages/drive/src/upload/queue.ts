/** The uploads of this page: a few at a time, each can be paused, cancelled or tried again; large ones go on by
 * themselves after a break, and after a reload once their file is chosen again. */
import { type File as DriveFile, api, isApiError, upload } from '@labora/api';
import { errorText, t, toast } from '@labora/ui';
import { filesChanged } from '../list/changes';
import { Pace } from './pace';
import { forget, held, hold, keep, keepOnly, keptOf } from './kept';
import { LARGE, uploadInPieces } from './resumable';

export interface Upload {
  id: number;
  name: string;
  size: number;
  sent: number;
  /** `left`: begun before a reload, and waits for its file. `offline`: goes on by itself. */
  status: 'waiting' | 'sending' | 'offline' | 'paused' | 'left' | 'done' | 'failed' | 'cancelled';
  error: string | null;
  /** Once done. */
  fileId: string | null;
  /** Bytes a second, once known. */
  speed: number | null;
  /** Whether it can be paused and goes on where it was. */
  inPieces: boolean;
}

interface Job extends Upload {
  body: Blob | null;
  modified: number;
  parent: string;
  /** Of the server, for one that goes in pieces. */
  uploadId: string | null;
  control: AbortController;
  pace: Pace;
}

const AT_ONCE = 3;
let jobs: Job[] = [];
let view: Upload[] = [];
let count = 0;
let account = '';
const listeners = new Set<() => void>();

const isOpen = (job: Upload): boolean => ['waiting', 'sending', 'offline'].includes(job.status);
const isBusy = (job: Upload): boolean => job.status === 'sending' || job.status === 'offline';

function emit(): void {
  view = jobs.map(({ id, name, size, sent, status, error, fileId, speed, inPieces }) => ({
    id,
    name,
    size,
    sent,
    status,
    error,
    fileId,
    speed,
    inPieces,
  }));
  for (const listener of listeners) listener();
}

function warn(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

function pump(): void {
  const busy = jobs.filter(isBusy).length;
  const waiting = jobs.filter((one) => one.status === 'waiting');
  for (const job of waiting.slice(0, Math.max(0, AT_ONCE - busy))) void send(job);
  if (jobs.some(isOpen)) addEventListener('beforeunload', warn);
  else removeEventListener('beforeunload', warn);
  emit();
}

function progress(job: Job, sent: number): void {
  job.sent = Math.min(sent, job.size);
  job.pace.note(job.sent, performance.now());
  job.speed = job.pace.speed();
  emit();
}

function sendOne(job: Job, body: Blob): Promise<DriveFile> {
  const { signal } = job.control;
  let release = () => {};
  const onProgress = (sent: number) => progress(job, sent);
  if (!job.inPieces) return upload(body, { parent: job.parent, name: job.name, signal, onProgress });
  return uploadInPieces(body, job.name, job.parent, {
    signal,
    id: job.uploadId,
    onStart: (id) => {
      job.uploadId = id;
      keep(id, account, job.modified);
      release = hold(id);
    },
    onProgress,
    onConnection: (online, why) => {
      if (!isBusy(job)) return;
      job.status = online ? 'sending' : 'offline';
      // Away, or there with a reason not to take it now, such as a full disk.
      job.error = online || isApiError(why, 'offline') ? null : errorText(why);
      if (!online) job.pace.clear();
      emit();
    },
  }).finally(() => release());
}

async function send(job: Job): Promise<void> {
  if (!job.body) return;
  job.status = 'sending';
  const { control } = job;
  try {
    const file = await sendOne(job, job.body);
    Object.assign(job, { status: 'done', sent: job.size, fileId: file.id, body: null });
    if (job.uploadId) forget(job.uploadId);
    filesChanged();
  } catch (error) {
    // Paused, cancelled or begun again meanwhile: whoever did that said what it is now.
    if (control.signal.aborted) return;
    Object.assign(job, { status: 'failed', error: errorText(error) });
  }
  pump();
}

const modifiedOf = (body: Blob): number => (body instanceof File ? body.lastModified : 0);

function add(body: Blob, name: string, parent: string): void {
  const left = jobs.find((job) => job.status === 'left' && job.name === name && fits(job, body));
  if (left && (left.parent === parent || left.parent === '')) return goOn(left, body);
  count += 1;
  jobs.push({
    id: count,
    name,
    size: body.size,
    sent: 0,
    status: 'waiting',
    error: null,
    fileId: null,
    speed: null,
    inPieces: body.size >= LARGE,
    body,
    modified: modifiedOf(body),
    parent,
    uploadId: null,
    control: new AbortController(),
    pace: new Pace(),
  });
}

const fits = (job: Job, body: Blob): boolean => body.size === job.size && modifiedOf(body) === job.modified;

function goOn(job: Job, body: Blob): void {
  Object.assign(job, { body, status: 'waiting', error: null, control: new AbortController() });
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

/** Shows the uploads that this browser began before a reload, for the account that is signed in. */
export async function findLeft(who: string): Promise<void> {
  account = who;
  const [found, isHeld] = await Promise.all([api.uploads(), held()]);
  const root = found.length ? await api.file('root') : null;
  keepOnly(
    found.map((one) => one.id),
    who,
  );
  for (const one of found) {
    const modified = keptOf(one.id, who);
    if (modified === null || isHeld(one.id) || jobs.some((job) => job.uploadId === one.id)) continue;
    count += 1;
    jobs.push({
      id: count,
      name: one.name,
      size: one.size,
      sent: one.received,
      status: 'left',
      error: null,
      fileId: null,
      speed: null,
      inPieces: true,
      body: null,
      modified,
      parent: one.parent_id === root?.id ? 'root' : (one.parent_id ?? ''),
      uploadId: one.id,
      control: new AbortController(),
      pace: new Pace(),
    });
  }
  emit();
}

/** Goes on with an upload that was begun before a reload. */
export function choose(id: number, file: File): void {
  const job = jobs.find((one) => one.id === id);
  if (!job || job.status !== 'left') return;
  if (!fits(job, file)) return void toast({ kind: 'error', message: t('upload.other', { name: job.name }) });
  goOn(job, file);
  pump();
}

function stop(job: Job, status: 'paused' | 'cancelled'): void {
  job.status = status;
  job.pace.clear();
  job.speed = null;
  job.control.abort();
}

export function pause(id: number): void {
  const job = jobs.find((one) => one.id === id);
  if (job && isOpen(job)) stop(job, 'paused');
  pump();
}

export function resume(id: number): void {
  const job = jobs.find((one) => one.id === id);
  if (job?.status === 'paused' && job.body) goOn(job, job.body);
  pump();
}

/** Cancels an upload, and drops what the server has of it. */
export function cancel(id: number): void {
  const job = jobs.find((one) => one.id === id);
  if (!job) return;
  stop(job, 'cancelled');
  if (job.uploadId) {
    forget(job.uploadId);
    // What cannot be dropped now expires.
    api.cancelUpload(job.uploadId).catch(() => undefined);
    job.uploadId = null;
  }
  if (!job.body) jobs = jobs.filter((one) => one !== job);
  pump();
}

export function cancelAll(): void {
  for (const job of jobs) if (isOpen(job) || job.status === 'paused') cancel(job.id);
}

export function retry(id: number): void {
  const job = jobs.find((one) => one.id === id);
  if (!job?.body) return;
  Object.assign(job, { status: 'waiting', sent: 0, error: null, control: new AbortController() });
  pump();
}

/** Forgets what has ended. */
export function clearEnded(): void {
  jobs = jobs.filter((job) => isOpen(job) || job.status === 'paused' || job.status === 'left');
  emit();
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const uploads = (): Upload[] => view;
