/**
 * Outputs of cells and Markdown text.
 *
 * `<CellOutputs fileId cellId outputs executionId live onClear? scrolled? onScrolledChange? />`
 * `<Markdown source attachments? className? onRendered? />`
 * `<StreamText fileId text name? />`
 * `<OutputsProvider host={{ externalImages, onFrameKey, onFrameFocus, … }}>` around them changes where they get things
 * from; without it they use the server's own routes.
 */
import { addMessages, t } from '@labora/ui';
import { setTranslator, STRINGS } from './core';

addMessages('outputs', STRINGS);
setTranslator((key, values) => t(`outputs.${key}`, values));

export { CellOutputs, type CellOutputsProps } from './CellOutputs';
export { Markdown, type MarkdownProps } from './Markdown';
export { StreamText } from './StreamText';
export { OutputsProvider, type OutputsHost, useOutputsHost } from './host';
export { type FrameLocation } from './frame-location';
export { type CommFrameMessage, type Followed, type FrameComms } from './core/comm-protocol';
export { type FrameContext, type FrameHandle, type LiveHost, Refusal } from './live';
export { type CommMessage, type ForwardedKey, type FrameVerb, type PageMessage } from './core/protocol';
export {
  needsFrame,
  parseAnsi,
  stripAnsi,
  type BlobInfo,
  type Output,
  type StreamOutput,
  type DisplayOutput,
  type ErrorOutput,
} from './core';
