/** What crosses the room socket (docs/protocols.md, section 1). */
import type { Ability, Comment, CommentReply, File } from '@labora/api';
import type { PageAsk } from './asks';

export type { Ability, Comment, CommentReply, File };

export interface Person {
  id: string;
  name: string;
}

export interface PresentAccount extends Person {
  color: number;
}

export interface BlobPart {
  sha256: string;
  size: number;
  lines: number;
}

export interface BlobValue {
  $blob: { sha256: string; size: number; media_type: string };
}

export interface StreamOutput {
  id: string;
  output_type: 'stream';
  name: 'stdout' | 'stderr';
  parts: BlobPart[];
  text: string;
}

export interface DataOutput {
  id: string;
  output_type: 'display_data' | 'execute_result';
  data: Record<string, unknown>;
  metadata: Record<string, unknown>;
  execution_count?: number | null;
}

export interface ErrorOutput {
  id: string;
  output_type: 'error';
  ename: string;
  evalue: string;
  traceback: string[];
}

export interface NoticeOutput {
  id: string;
  output_type: 'labora_notice';
  code: string;
  message: string;
}

/** nbformat's output with large values by reference; an unknown type is kept and shown as such. */
export type Output = StreamOutput | DataOutput | ErrorOutput | NoticeOutput;

export interface CellState {
  execution_id: string | null;
  execution_count: number | null;
  outputs: Output[];
}

export type ExecutionStatus = 'queued' | 'running' | 'ok' | 'error' | 'aborted' | 'lost';

/** One run of one cell. */
export interface Execution {
  id: string;
  cell_id: string;
  account: Person;
  runtime_id: string | null;
  source_sha256: string;
  status: ExecutionStatus;
  queued_at: string;
  started_at: string | null;
  finished_at: string | null;
  reason: string | null;
  execution_count: number | null;
  /** In which life of its kernel it ran. */
  life?: number | null;
}

export type KernelStatus = 'none' | 'starting' | 'idle' | 'busy' | 'restarting' | 'dead';

/** One account's runtime and kernel, as this notebook shows them. */
export interface RuntimeState {
  runtime_id: string | null;
  account: Person;
  status: 'starting' | 'ready' | 'ended';
  kernel: KernelStatus;
  progress: { label: string; fraction: number | null } | null;
  reason: string | null;
  message: string | null;
  language: { name: string; mimetype: string; version: string } | null;
  started_at: string | null;
  isolation: string | null;
  /** Counts the lives of the kernel. */
  life?: number | null;
  /** When it ends unless it is used; set while that is near. */
  ends_at?: string | null;
  ends_reason?: string | null;
  /** The cell that ran when the kernel died. */
  cell_id?: string | null;
}

/** What one kernel uses; `silent_s` is for how long it has not answered although it lives. */
export interface KernelUse {
  kernel_id: string;
  file_id: string | null;
  status: string;
  memory_bytes: number;
  peak_bytes: number;
  cpu_seconds: number;
  processes: number;
  silent_s: number;
}

/** What the account's runtime uses; null where it cannot be measured. */
export interface Meter {
  at: string;
  memory_bytes: number | null;
  memory_limit: number | null;
  /** Processors in use, of `cpus`. */
  cpu: number | null;
  cpus: number;
  cpu_seconds: number | null;
  disk_bytes: number | null;
  disk_limit: number | null;
  processes: number | null;
  oom_kills: number | null;
  /** Processes that were ended for writing beyond a disk that is watched. */
  disk_kills?: number | null;
  answers: boolean;
  kernels: KernelUse[];
}

/** What code asks of the server itself, such as its account's drive; a person may have to permit it. */
export interface Ask {
  kind: string;
  mountpoint: string;
  readonly: boolean;
  timeout_s: number;
}

/** A pending `input()`. */
export interface InputRequest {
  request_id: string;
  prompt: string;
  password: boolean;
  account_id: string;
  ask?: Ask;
}

export interface Saved {
  seq: number;
  revision_id: string | null;
  at: string | null;
}

/** Everything that events tell: snapshot + events since = this. */
export interface RoomState {
  cells: Record<string, CellState>;
  executions: Record<string, Execution>;
  queue: string[];
  runtimes: Record<string, RuntimeState>;
  inputs: Record<string, InputRequest>;
  /** What a browser kept of older versions knows none. */
  comments?: Record<string, Comment>;
  saved: Saved;
}

export type OutputOp =
  | { op: 'splice'; at: number; remove: number; insert: Output[] }
  | { op: 'text'; at: number; keep: number; text: string }
  | { op: 'spill'; at: number; part: BlobPart; drop: number };

export type RoomEvent =
  | { type: 'execution'; execution: Execution; keep_outputs?: boolean }
  | { type: 'count'; cell_id: string; execution_id: string; execution_count: number }
  | { type: 'outputs'; cell_id: string; ops: OutputOp[] }
  | { type: 'input'; execution_id: string; request: InputRequest | null }
  | { type: 'runtime'; account_id: string; runtime: RuntimeState | null }
  | { type: 'saved'; saved: Saved }
  | { type: 'cell_state'; cell_id: string; state: CellState | null }
  | { type: 'comment'; comment_id: string; comment: Omit<Comment, 'replies'> | null; replies: CommentReply[] }
  | { type: 'forget'; executions: string[] };

export interface Welcome {
  type: 'welcome';
  version: number;
  epoch: string;
  seq: number;
  file: File;
  account: PresentAccount;
  state: RoomState;
  read_only_reason: string | null;
  /** The server's clock. */
  now?: string;
}

export interface SavedAck {
  type: 'saved';
  ref: number;
  epoch: string;
  seq: number;
}

export interface UpdateRefused {
  type: 'update_refused';
  ref: number;
  code: string;
  message: string;
}

export type ControlMessage =
  | Welcome
  | SavedAck
  | UpdateRefused
  | { type: 'ack'; id: string; result: unknown }
  | { type: 'refused'; id: string; code: string; message: string; details?: Record<string, unknown> }
  | { type: 'comm_done'; id: string }
  | { type: 'comm_refused'; id: string; code: string; message: string }
  | { type: 'rights'; abilities: Ability[] }
  | { type: 'notice'; code: string; message: string }
  | { type: 'storage'; ok: boolean; message: string }
  | { type: 'secret_refused'; name: string; exists: boolean }
  | { type: 'meter'; runtime_id: string; meter: Meter }
  | ({ type: 'ask' } & PageAsk)
  | { type: 'ask_gone'; ask_id: string }
  /** After the welcome: what still waits for a page of this account. */
  | { type: 'asks'; ids: readonly string[] };

/** Where somebody's cursor is; positions are Yjs relative positions as JSON. */
export interface PresenceState {
  cell_id: string | null;
  anchor: unknown;
  head: unknown;
  idle: boolean;
}

export interface PresentClient {
  client_id: number;
  account: PresentAccount;
  state: PresenceState | null;
}

export type CellKind = 'code' | 'markdown' | 'raw';
