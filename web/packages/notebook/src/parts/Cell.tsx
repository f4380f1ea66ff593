/** One cell. It draws again only when something of its own changes. */
import { memo, type MouseEvent, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { flushSync } from 'react-dom';
import { Avatar, IconButton, Menu, type MenuItem, t } from '@labora/ui';
import { CodeEditor } from '../editor/CodeEditor';
import { viewOf } from '../editor/views';
import { parserFor } from '../editor/highlight';
import { useCanEdit, useCell, useController, useDocument, usePeopleIn, useStand } from '../model/context';
import type { NotebookController } from '../model/controller';
import { menuItems } from './menu-items';
import { FormCell } from '../forms/FormCell';
import { CellComments, CommentMarker, CommentTool } from '../comments/CellComments';
import { CellOutput } from './CellOutput';
import { useNear } from './near';
import { isPressed } from './press';
import { reveal } from './reveal';
import { RunButton } from './RunButton';
import { StillCode } from './StillCode';
import { TextCell } from './TextCell';

/** The language of the notebook's code, as its metadata names it. */
export function useLanguage(): string {
  const { doc } = useController();
  return useDocument('metadata', () => {
    const metadata = doc.metadata() as {
      language_info?: { name?: unknown };
      kernelspec?: { language?: unknown; name?: unknown };
    };
    const name = metadata.language_info?.name ?? metadata.kernelspec?.language ?? metadata.kernelspec?.name;
    return typeof name === 'string' ? name : 'python';
  });
}

const moreItems = (controller: NotebookController): MenuItem[] =>
  menuItems(controller, [
    'edit.cut',
    'edit.copy',
    'edit.paste',
    '-',
    'edit.split',
    'edit.merge',
    'edit.toText',
    'edit.toCode',
    '-',
    'insert.codeAbove',
    'insert.code',
    'insert.text',
    '-',
    'run.before',
    'run.after',
    '-',
    'view.output',
    'edit.clearOutput',
    '-',
    'view.form',
    'edit.form',
    'insert.field',
    '-',
    'insert.comment',
  ]);

function CellTools({ cellId, text, editing }: { cellId: string; text: boolean; editing: boolean }) {
  const controller = useController();
  const doing = (work: () => void) => () => {
    if (!controller.ui.selected.has(cellId)) controller.ui.activate(cellId);
    work();
  };
  return (
    <div className="nb-cell-tools" role="toolbar" aria-label={t('notebook.cell.tools')}>
      {text && (
        <IconButton
          size="sm"
          icon={editing ? 'check' : 'edit'}
          label={editing ? t('notebook.cell.done') : t('notebook.cell.edit')}
          onClick={() => controller.activate(cellId, !editing)}
        />
      )}
      <IconButton
        size="sm"
        icon="arrow_upward"
        label={t('notebook.cell.up')}
        keys="Ctrl+M K"
        onClick={doing(() => controller.move(-1))}
      />
      <IconButton
        size="sm"
        icon="arrow_downward"
        label={t('notebook.cell.down')}
        keys="Ctrl+M J"
        onClick={doing(() => controller.move(1))}
      />
      <IconButton
        size="sm"
        icon="delete"
        label={t('notebook.cell.delete')}
        keys="Ctrl+M D"
        onClick={doing(() => controller.remove())}
      />
      <Menu
        align="end"
        returnFocus={false}
        trigger={
          <IconButton
            size="sm"
            icon="more_vert"
            label={t('notebook.cell.more')}
            tooltip={false}
            onPointerDown={() => controller.ui.selected.has(cellId) || controller.ui.activate(cellId)}
          />
        }
        items={() => moreItems(controller)}
      />
    </div>
  );
}

/** Adds a cell below this one; shown where the pointer or the focus is. */
function InsertBar({ after }: { after: string }) {
  const controller = useController();
  return (
    <div className="nb-insert">
      <button type="button" onClick={() => controller.insert('code', after)} aria-label={t('notebook.addCodeHere')}>
        + {t('notebook.addCode')}
      </button>
      <button type="button" onClick={() => controller.insert('markdown', after)} aria-label={t('notebook.addTextHere')}>
        + {t('notebook.addText')}
      </button>
    </div>
  );
}

function PeopleHere({ cellId }: { cellId: string }) {
  const people = usePeopleIn(cellId);
  if (people.length === 0) return null;
  const accounts = [...new Map(people.map((client) => [client.account.id, client.account])).values()];
  return (
    <div className="nb-people-here" title={t('notebook.here', { name: accounts.map((one) => one.name).join(', ') })}>
      {accounts.slice(0, 3).map((account) => (
        <Avatar key={account.id} name={account.name} color={account.color} size={20} />
      ))}
    </div>
  );
}

function Body({ cellId, kind, editing, near }: { cellId: string; kind: string; editing: boolean; near: boolean }) {
  const controller = useController();
  const language = useLanguage();
  if (kind === 'markdown') return <TextCell cellId={cellId} editing={editing} near={near} />;
  const code = kind === 'code';
  const parser = code && parserFor(language) !== null;
  const editor = editing && (
    <CodeEditor cellId={cellId} language={parser ? 'python' : 'plain'} label={t(`notebook.kinds.${kind}`)} />
  );
  function edit(event: MouseEvent) {
    if (event.button !== 0 || event.shiftKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    flushSync(() => controller.ui.activate(cellId, true));
    const view = viewOf(cellId);
    if (!view) return;
    view.focus();
    // The editor takes the press over, so that the caret lands under the pointer and a drag selects.
    const { clientX, clientY, detail } = event;
    view.contentDOM.dispatchEvent(
      new window.MouseEvent('mousedown', {
        bubbles: true,
        cancelable: true,
        button: 0,
        buttons: 1,
        clientX,
        clientY,
        detail,
      }),
    );
  }
  const shown = editor || <StillCode cellId={cellId} language={code ? language : ''} near={near} onEdit={edit} />;
  if (!code) return shown;
  return (
    <FormCell cellId={cellId} near={near}>
      {shown}
    </FormCell>
  );
}

export const Cell = memo(function Cell({ cellId }: { cellId: string }) {
  const controller = useController();
  const cell = useCell(cellId);
  const stand = useStand(cellId);
  const host = useRef<HTMLElement>(null);
  const near = useNear(host, cell !== null);
  // The tools of a cell are made when it is first pointed at or selected: a thousand toolbars would cost seconds.
  const [touched, setTouched] = useState(false);
  const shown = touched || stand !== 'none';
  const editable = useCanEdit();
  const tools = editable && shown;
  const editing = stand === 'edit';
  const active = stand === 'active' || editing;

  // The focus follows the active cell: into the editor, or onto the cell itself.
  useLayoutEffect(() => {
    const element = host.current;
    if (!active || !element) return;
    if (editing) viewOf(cellId)?.focus();
    else if (!element.contains(document.activeElement) || document.activeElement?.closest('.cm-editor')) {
      element.focus({ preventScroll: true });
    }
    const focused = document.activeElement;
    // What is pressed, in the page or in a frame, is in sight already.
    if (!isPressed(element) && focused && element.contains(focused) && !(focused instanceof HTMLIFrameElement))
      reveal(element);
  }, [active, editing, cellId]);

  useEffect(() => {
    if (active)
      controller.client.presence.update({ cell_id: cellId, ...(editing ? {} : { anchor: null, head: null }) });
  }, [active, editing, cellId, controller]);

  if (!cell) return null;
  function press(event: MouseEvent) {
    if (event.shiftKey) {
      event.preventDefault();
      controller.selectTo(cellId, controller.ui.anchor ?? cellId);
    } else if (event.ctrlKey || event.metaKey) {
      const selected = new Set(controller.ui.selected);
      if (!selected.delete(cellId)) selected.add(cellId);
      controller.ui.select(cellId, selected, cellId);
    } else if (!active && !(event.target as Element).closest('button, a, input')) controller.ui.activate(cellId);
  }
  return (
    // A cell is a stop of the keyboard: command mode acts on the one that has the focus.
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions, jsx-a11y/no-noninteractive-tabindex
    <section
      ref={host}
      className={`nb-cell nb-cell-${cell.kind}`}
      data-cell={cellId}
      data-stand={stand}
      data-far={near ? undefined : ''}
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={active ? 0 : -1}
      onPointerEnter={() => setTouched(true)}
      onMouseDown={press}
      onFocus={() => active || controller.ui.selected.has(cellId) || controller.ui.activate(cellId)}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && !event.defaultPrevented && editing) controller.activate(cellId);
      }}
    >
      {cell.kind === 'code' ? <RunButton cellId={cellId} /> : <div className="nb-gutter" />}
      <div className="nb-main">
        <Body cellId={cellId} kind={cell.kind} editing={editing} near={near} />
        {cell.kind === 'code' && <CellOutput cellId={cellId} near={near} />}
        {cell.kind === 'raw' && <p className="nb-raw-note">{t('notebook.rawNote')}</p>}
        <CellComments cellId={cellId} />
      </div>
      <CommentMarker cellId={cellId} />
      <PeopleHere cellId={cellId} />
      {!editable && shown && <CommentTool cellId={cellId} />}
      {tools && <CellTools cellId={cellId} text={cell.kind === 'markdown'} editing={editing} />}
      {tools && <InsertBar after={cellId} />}
    </section>
  );
});
