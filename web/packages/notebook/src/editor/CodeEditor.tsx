/** The editor of one cell: made when the cell is edited, on the cell's own Y.Text. */
import { closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, indentLess, indentMore, toggleComment } from '@codemirror/commands';
import { bracketMatching, indentOnInput, indentUnit, type Language, LanguageSupport } from '@codemirror/language';
import { pythonLanguage } from '@codemirror/lang-python';
import { highlightSelectionMatches } from '@codemirror/search';
import { Compartment, EditorState, type Extension } from '@codemirror/state';
import { drawSelection, EditorView, keymap, lineNumbers, placeholder, tooltips } from '@codemirror/view';
import { useEffect, useLayoutEffect, useRef } from 'react';
import { flushSync } from 'react-dom';
import { t } from '@labora/ui';
import { useController, useStatus, useStore } from '../model/context';
import type { NotebookController } from '../model/controller';
import { canEdit } from '@labora/document';
import { closeInspection, completeAtWord, inspect, kernelCompletion, kernelInspection } from './assist';
import { commentRanges } from '../comments/ranges';
import { bindText } from './binding';
import { sharedCursors } from './cursors';
import { codeColours } from './highlight';
import { markdownLanguage } from './markdown';
import { HEAD_PX } from '../parts/reveal';
import { registerView, viewOf } from './views';

export interface CodeEditorProps {
  cellId: string;
  language: 'python' | 'markdown' | 'plain';
  label: string;
}

/** Leaves the cell through its first or last line, as if all cells were one text. */
function crossing(controller: NotebookController, direction: -1 | 1) {
  return (view: EditorView): boolean => {
    const { main } = view.state.selection;
    const line = view.state.doc.lineAt(main.head);
    const edge = direction < 0 ? line.number === 1 : line.number === view.state.doc.lines;
    if (!main.empty || !edge) return false;
    const order = controller.doc.cellIds();
    const next = order[controller.doc.indexOf(controller.ui.active ?? '') + direction];
    if (!next) return false;
    flushSync(() => controller.activate(next, controller.doc.cell(next)?.kind === 'code'));
    const entered = viewOf(next);
    if (entered) {
      // In the same column of the line that comes first on the way.
      const { doc } = entered.state;
      const first = doc.line(direction < 0 ? doc.lines : 1);
      const anchor = Math.min(first.from + main.head - line.from, first.to);
      entered.dispatch({ selection: { anchor }, scrollIntoView: true });
    }
    return true;
  };
}

function keys(controller: NotebookController, code: boolean): Extension {
  const assist = [
    { key: 'Tab', run: completeAtWord },
    { key: 'Shift-Tab', run: inspectOrOutdent(controller) },
    { key: 'Ctrl-Shift-Space', run: inspect(controller), preventDefault: true },
  ];
  return keymap.of([
    { key: 'Escape', run: closeInspection },
    ...completionKeymap,
    ...(code ? assist : []),
    { key: 'ArrowUp', run: crossing(controller, -1) },
    { key: 'ArrowDown', run: crossing(controller, 1) },
    { key: 'Mod-z', run: () => (controller.undo(), true), preventDefault: true },
    { key: 'Mod-Shift-z', run: () => (controller.redo(), true), preventDefault: true },
    { key: 'Mod-y', run: () => (controller.redo(), true), preventDefault: true },
    { key: 'Mod-/', run: toggleComment },
    ...closeBracketsKeymap,
    { key: 'Tab', run: indentMore, shift: indentLess },
    ...defaultKeymap.filter((binding) => binding.key !== 'Mod-Enter'),
  ]);
}

/** Shift+Tab shows the documentation at a name and takes indentation back elsewhere. */
const inspectOrOutdent = (controller: NotebookController) => (view: EditorView) => {
  const { main } = view.state.selection;
  const line = view.state.doc.lineAt(main.head);
  const atName = main.empty && /[\w.(]$/.test(line.text.slice(0, main.head - line.from));
  return atName && inspect(controller)(view);
};

/** Scrolls on when the caret would lie under the page's head. (`scrollMargins` would hide the lists of short cells.) */
const clearOfHead = EditorView.scrollHandler.of((view, range) => {
  view.requestMeasure({
    read: () => view.coordsAtPos(range.head)?.top ?? HEAD_PX,
    write: (top) => top < HEAD_PX && scrollBy(0, top - HEAD_PX),
  });
  return false;
});

/** Where lists and documentation may lie. */
const belowHead = () => ({ top: HEAD_PX, left: 0, bottom: innerHeight, right: innerWidth });

const languages: Record<CodeEditorProps['language'], Language | null> = {
  python: pythonLanguage,
  markdown: markdownLanguage,
  plain: null,
};

export function CodeEditor({ cellId, language, label }: CodeEditorProps) {
  const controller = useController();
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const options = useRef(new Compartment());
  const numbers = useStore(controller.ui.preferences).lineNumbers;
  const editable = canEdit(useStatus());

  useLayoutEffect(() => {
    const text = controller.doc.text(cellId);
    if (!text || !host.current) return;
    const code = language !== 'markdown';
    const parser = languages[language];
    const state = EditorState.create({
      doc: text.toString(),
      extensions: [
        keys(controller, code),
        // Other line ends stay characters of the text, so that offsets agree with the document's.
        EditorState.lineSeparator.of('\n'),
        // What comes from Windows' clipboard has line ends of its own.
        EditorView.clipboardInputFilter.of((pasted) => pasted.replace(/\r\n?/g, '\n')),
        EditorState.tabSize.of(4),
        EditorState.allowMultipleSelections.of(true),
        indentUnit.of('    '),
        parser ? new LanguageSupport(parser) : [],
        codeColours,
        drawSelection(),
        clearOfHead,
        tooltips({ tooltipSpace: belowHead }),
        bracketMatching(),
        closeBrackets(),
        indentOnInput(),
        highlightSelectionMatches(),
        code ? [kernelCompletion(controller), kernelInspection] : EditorView.lineWrapping,
        placeholder(code ? '' : t('notebook.textPlaceholder')),
        bindText(text),
        sharedCursors(controller, cellId, text),
        commentRanges(controller, cellId, text),
        options.current.of([]),
        EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: code ? 'false' : 'true' }),
      ],
    });
    const created = new EditorView({ state, parent: host.current });
    view.current = created;
    const unregister = registerView(cellId, created);
    return () => {
      unregister();
      view.current = null;
      created.destroy();
    };
  }, [controller, cellId, language, label]);

  useEffect(() => {
    const extensions = [numbers ? lineNumbers() : [], EditorState.readOnly.of(!editable)];
    view.current?.dispatch({ effects: options.current.reconfigure(extensions) });
    // oxlint-disable-next-line react/exhaustive-effect-dependencies -- the editor is made anew for these
  }, [numbers, editable, cellId, language, label]);

  return <div className="nb-code" ref={host} />;
}
