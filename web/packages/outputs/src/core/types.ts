/** The outputs of a cell as the room sends them (docs/protocols.md, "Output"). */

export interface BlobInfo {
  sha256: string;
  size: number;
  media_type: string;
}

export interface BlobRef {
  $blob: BlobInfo;
}

/** Whole lines of a stream that moved into a blob. */
export interface StreamPart {
  sha256: string;
  size: number;
  lines: number;
}

export interface StreamOutput {
  id: string;
  output_type: 'stream';
  name: string;
  parts?: readonly StreamPart[];
  text: string;
}

export interface DisplayOutput {
  id: string;
  output_type: 'display_data' | 'execute_result';
  data: Readonly<Record<string, unknown>>;
  metadata?: Readonly<Record<string, unknown>>;
  execution_count?: number | null;
}

export interface ErrorOutput {
  id: string;
  output_type: 'error';
  ename: string;
  evalue: string;
  traceback: readonly string[];
}

export interface NoticeOutput {
  id: string;
  output_type: 'labora_notice';
  code: string;
  message: string;
}

export interface UnknownOutput {
  id: string;
  output_type: string;
}

export type Output = StreamOutput | DisplayOutput | ErrorOutput | NoticeOutput | UnknownOutput;

export const isStream = (output: Output): output is StreamOutput => output.output_type === 'stream';
export const isError = (output: Output): output is ErrorOutput => output.output_type === 'error';
export const isNotice = (output: Output): output is NoticeOutput => output.output_type === 'labora_notice';
export const isDisplay = (output: Output): output is DisplayOutput =>
  output.output_type === 'display_data' || output.output_type === 'execute_result';

export function isBlobRef(value: unknown): value is BlobRef {
  return typeof value === 'object' && value !== null && '$blob' in value;
}

/** The kernel of a cell's outputs, where it is the reader's own and still the one that made them. */
export interface RestartOffer {
  possible(): boolean;
  /** Calls `listener` when that may have changed; returns how to stop it. */
  watch(listener: () => void): () => void;
  run(): void;
}

/** What a view needs from where it stands: the page, or the frame that asks the page through its port. */
export interface ViewEnv {
  readBlob(blob: BlobInfo, signal?: AbortSignal): Promise<Blob>;
  /** A URL from which the browser itself may load the blob, where the page has one. */
  blobUrl?(blob: BlobInfo): string;
  externalImages: boolean;
  /** What an image is called when it is saved, without its ending. */
  imageName?(): string;
  copyText(text: string): Promise<void>;
  /** Lets an output offer to restart the kernel that made it (the page only). */
  restart?: RestartOffer;
  /** Takes the place of an output that comes next, where a program may move it (frames only). */
  seat?(): (element: HTMLElement) => void;
  /** Renderers of active content; only frames have them. */
  active?(mime: string): ValueViewFactory | undefined;
}

/** The view of one whole output. `update` returns false when the output needs another view. */
export interface View {
  readonly el: HTMLElement;
  update(output: Output): boolean;
  text(): string | Promise<string>;
  dispose(): void;
}

/** The view of one value of a MIME bundle. */
export interface ValueView {
  readonly el: HTMLElement;
  update(value: unknown, output: DisplayOutput): void;
  text(): string | Promise<string>;
  dispose(): void;
}

export type ValueViewFactory = (env: ViewEnv, mime: string) => ValueView;
