/** Completion and inspection by the kernel. */
import {
  acceptCompletion,
  autocompletion,
  closeCompletion,
  type Completion,
  type CompletionContext,
  completionStatus,
  startCompletion,
} from '@codemirror/autocomplete';
import { type Extension, StateEffect, StateField } from '@codemirror/state';
import { type Command, EditorView, showTooltip, type Tooltip } from '@codemirror/view';
import type { NotebookController } from '../model/controller';

interface CompleteReply {
  matches: string[];
  start: number;
  end: number;
  metadata?: { _jupyter_types_experimental?: { text: string; type: string }[] };
}

interface InspectReply {
  found: boolean;
  data: Record<string, string>;
}

const TYPES: Record<string, string> = {
  function: 'function',
  module: 'namespace',
  class: 'class',
  instance: 'variable',
  statement: 'variable',
  keyword: 'keyword',
  property: 'property',
  param: 'variable',
  path: 'text',
  magic: 'keyword',
};

/** Typing asks by itself only after a dot, and only an idle kernel: a busy one would answer when it is too late. */
function source(controller: NotebookController) {
  return async (context: CompletionContext) => {
    const kernel = controller.runtime?.kernel;
    if (kernel !== 'idle' && !(context.explicit && kernel === 'busy')) return null;
    if (!context.explicit && !context.matchBefore(/\.\w*$/)) return null;
    const args = { code: context.state.doc.toString(), cursor: context.pos };
    const ask = controller.client.command<CompleteReply>('complete', args, { keep: false });
    const reply = await ask.catch(() => null);
    if (!reply || context.aborted || reply.matches.length === 0) return null;
    const types = new Map(reply.metadata?._jupyter_types_experimental?.map((one) => [one.text, one.type]));
    const options = reply.matches.slice(0, 500).map((label): Completion => {
      const type = TYPES[types.get(label) ?? ''];
      return type ? { label, type } : { label };
    });
    return { from: reply.start, to: reply.end, options, validFor: /^\w*$/ };
  };
}

export const kernelCompletion = (controller: NotebookController): Extension =>
  autocompletion({ override: [source(controller)], icons: true, maxRenderedOptions: 60 });

/** Tab completes after a word or a dot, takes what a list offers, and indents elsewhere. */
export const completeAtWord: Command = (view) => {
  const { main } = view.state.selection;
  if (!main.empty) return false;
  // An answer to the typing itself may still be awaited: that is no reason to indent.
  if (completionStatus(view.state) === 'active') return acceptCompletion(view) || true;
  const before = view.state.sliceDoc(Math.max(0, main.head - 1), main.head);
  return /[\w.]/.test(before) ? startCompletion(view) : false;
};

const setInspection = StateEffect.define<{ at: number; text: string } | null>();

const inspection = StateField.define<Tooltip | null>({
  create: () => null,
  update(value, transaction) {
    for (const effect of transaction.effects) {
      if (effect.is(setInspection)) return effect.value && tooltip(effect.value.at, effect.value.text);
    }
    return transaction.docChanged || transaction.selection ? null : value;
  },
  provide: (field) => showTooltip.from(field),
});

function tooltip(pos: number, text: string): Tooltip {
  return {
    pos,
    above: true,
    create() {
      const dom = document.createElement('pre');
      dom.className = 'nb-inspection';
      dom.textContent = text;
      dom.tabIndex = 0;
      dom.setAttribute('role', 'tooltip');
      return { dom };
    },
  };
}

const ANSI = new RegExp(String.raw`\u001b\[[0-9;]*m`, 'g');

/** Shows the documentation of what stands at the caret. */
export const inspect =
  (controller: NotebookController): Command =>
  (view) => {
    closeCompletion(view);
    const at = view.state.selection.main.head;
    const args = { code: view.state.doc.toString(), cursor: at, detail: 0 };
    void controller.client
      .command<InspectReply>('inspect', args, { keep: false })
      .then((reply) => {
        const text = reply.found ? (reply.data['text/plain'] ?? '').replace(ANSI, '') : '';
        if (text && view.dom.isConnected && view.state.selection.main.head === at) {
          view.dispatch({ effects: setInspection.of({ at, text }) });
        }
      })
      .catch(() => {});
    return true;
  };

export const closeInspection: Command = (view) => {
  if (!view.state.field(inspection, false)) return false;
  view.dispatch({ effects: setInspection.of(null) });
  return true;
};

export const kernelInspection: Extension = [inspection, EditorView.baseTheme({})];
