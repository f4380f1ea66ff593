/** A text cell: read as Markdown, written in an editor with the result beside it. */
import { useDeferredValue } from 'react';
import type { EditorView } from '@codemirror/view';
import { Markdown } from '@labora/outputs';
import { IconButton, type IconName, t } from '@labora/ui';
import { CodeEditor } from '../editor/CodeEditor';
import { viewOf } from '../editor/views';
import { useCell, useController, useSource } from '../model/context';

type Attachments = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Puts signs around the selection, or before each of its lines. */
function apply(view: EditorView, before: string, after = '', eachLine = false): void {
  const { from, to } = view.state.selection.main;
  if (eachLine) {
    const first = view.state.doc.lineAt(from).number;
    const last = view.state.doc.lineAt(to).number;
    const changes = [];
    for (let line = first; line <= last; line++) {
      const mark = before.replace('1.', `${line - first + 1}.`);
      changes.push({ from: view.state.doc.line(line).from, insert: mark });
    }
    view.dispatch({ changes, userEvent: 'input' });
  } else {
    const text = view.state.sliceDoc(from, to) || t('notebook.text.placeholder');
    const selection = { anchor: from + before.length, head: from + before.length + text.length };
    view.dispatch({ changes: { from, to, insert: before + text + after }, selection, userEvent: 'input' });
  }
  view.focus();
}

const tools: { id: string; icon: IconName; before: string; after?: string; eachLine?: boolean }[] = [
  { id: 'heading', icon: 'text_fields', before: '## ', eachLine: true },
  { id: 'bold', icon: 'format_bold', before: '**', after: '**' },
  { id: 'italic', icon: 'format_italic', before: '*', after: '*' },
  { id: 'code', icon: 'code', before: '`', after: '`' },
  { id: 'link', icon: 'link', before: '[', after: '](https://)' },
  { id: 'image', icon: 'image', before: '![', after: '](https://)' },
  { id: 'quote', icon: 'format_quote', before: '> ', eachLine: true },
  { id: 'bulleted', icon: 'format_list_bulleted', before: '- ', eachLine: true },
  { id: 'numbered', icon: 'format_list_numbered', before: '1. ', eachLine: true },
  { id: 'formula', icon: 'functions', before: '$', after: '$' },
];

function Tools({ cellId }: { cellId: string }) {
  return (
    <div className="nb-text-tools" role="toolbar" aria-label={t('notebook.text.tools')}>
      {tools.map((tool) => (
        <IconButton
          key={tool.id}
          size="sm"
          icon={tool.icon}
          label={t(`notebook.text.${tool.id}`)}
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => {
            const view = viewOf(cellId);
            if (view) apply(view, tool.before, tool.after, tool.eachLine);
          }}
        />
      ))}
    </div>
  );
}

export function TextCell({ cellId, editing, near }: { cellId: string; editing: boolean; near: boolean }) {
  const controller = useController();
  const source = useSource(cellId);
  const shown = useDeferredValue(source);
  const attachments = useCell(cellId)?.extra['attachments'] as Attachments | undefined;
  const rendered = shown.trim() ? (
    near || editing ? (
      <Markdown source={shown} attachments={attachments} fileId={controller.fileId} cellId={cellId} />
    ) : (
      <div className="nb-text-plain">{source}</div>
    )
  ) : (
    <p className="nb-text-empty">{t('notebook.emptyText')}</p>
  );
  if (!editing) {
    return (
      <div className="nb-text" onDoubleClick={() => controller.activate(cellId, true)}>
        {rendered}
      </div>
    );
  }
  return (
    <div className="nb-text-editing">
      <div className="nb-text-source">
        <Tools cellId={cellId} />
        <CodeEditor cellId={cellId} language="markdown" label={t('notebook.kinds.markdown')} />
      </div>
      <div className="nb-text nb-text-preview" aria-label={t('notebook.text.preview')}>
        {rendered}
      </div>
    </div>
  );
}
