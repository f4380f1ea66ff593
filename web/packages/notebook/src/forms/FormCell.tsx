/** A code cell with its form: beside the code, in place of it, or not at all, as the cell says. */
import { type CSSProperties, lazy, type ReactNode, Suspense, useCallback, useEffect, useRef, useState } from 'react';
import { useCanEdit, useCell, useController, useDocument, useStand } from '../model/context';
import { type Form, formOf, type Mode, modeOf } from './parse';
import { toggleCode } from './model';
import './forms.css';

const FormPanel = lazy(async () => ({ default: (await import('./FormPanel')).FormPanel }));
const EMPTY: Form = { title: null, parts: [], end: 0 };

export function useForm(cellId: string): Form | null {
  const { doc } = useController();
  const hidden = useCell(cellId)?.metadata['cellView'] === 'form';
  const form = useDocument(`source:${cellId}`, () => formOf(doc.source(cellId)));
  return form ?? (hidden ? EMPTY : null);
}

/** A form that is not near yet, or on its way: about as high as it will be. */
function FarForm({ form }: { form: Form }) {
  return (
    <div className="nb-form">
      <div className="nb-form-title">{form.title?.text.replace(/^#+\s*/, '')}</div>
      {form.parts.map((_, at) => (
        <div key={at} className="nb-form-far" />
      ))}
    </div>
  );
}

export function FormCell({ cellId, near, children }: { cellId: string; near: boolean; children: ReactNode }) {
  const controller = useController();
  const form = useForm(cellId);
  const view = useCell(cellId)?.metadata['cellView'];
  const editable = useCanEdit();
  const editing = useStand(cellId) === 'edit';
  // Who may not change the notebook looks at the code all the same.
  const [own, setOwn] = useState<Mode | null>(null);
  const host = useRef<HTMLDivElement>(null);
  const mode: Mode | null = form && ((editable ? null : own) ?? modeOf(form, view));
  const hidden = mode === 'form';
  const toggle = useCallback(() => {
    if (editable) toggleCode(controller, cellId);
    else setOwn(hidden ? 'both' : 'form');
  }, [controller, cellId, editable, hidden]);

  // Without code there is no editor: the caret goes into the first field.
  useEffect(() => {
    if (!editing || !hidden || host.current?.contains(document.activeElement)) return;
    host.current?.querySelector<HTMLElement>('input, select, textarea')?.focus();
  }, [editing, hidden]);

  const width = form?.title?.width;
  const style = width ? ({ '--nb-form-width': width } as CSSProperties) : undefined;
  return (
    <div className="nb-split" data-mode={mode ?? undefined} style={style} ref={host}>
      {!hidden && <div className="nb-split-code">{children}</div>}
      {form &&
        mode !== 'code' &&
        (near ? (
          <Suspense fallback={<FarForm form={form} />}>
            <FormPanel cellId={cellId} form={form} codeShown={!hidden} editable={editable} onToggle={toggle} />
          </Suspense>
        ) : (
          <FarForm form={form} />
        ))}
    </div>
  );
}
