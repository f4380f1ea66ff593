/** What a run left under a cell, and the box that asks for `input()`. */
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { CellOutputs } from '@labora/outputs';
import { Button, IconButton, returnFocus, t, toast } from '@labora/ui';
import type { CellRun, InputRequest, Output } from '@labora/document';
import { usePrelude } from '../live/prelude';
import { UploadBox } from '../live/UploadBox';
import { useCanEdit, useCell, useController, useRun, useStatus, useStore } from '../model/context';
import { OwnOutput } from '../private/OmittedLabel';
import { outputHidden } from '../model/controller';
import { isTypedIn } from './typing';

function InputBox({ cellId, run, input }: { cellId: string; run: CellRun; input: InputRequest }) {
  const controller = useController();
  const me = useStatus().account?.id;
  const [value, setValue] = useState('');
  const [sent, setSent] = useState(false);
  const prompt = input.prompt.trim();
  const name = run.execution?.account.name ?? '';
  const field = useRef<HTMLInputElement>(null);

  // The box takes the focus, but never from under somebody's fingers: who is typing elsewhere is told instead.
  useEffect(() => {
    const element = field.current;
    if (!element) return;
    const now = document.activeElement;
    const here = now?.closest('[data-cell]') === element.closest('[data-cell]');
    if (here || !isTypedIn(now)) return element.focus();
    const message = t('notebook.input.asked', { index: controller.doc.indexOf(cellId) + 1 });
    toast({ message, action: { label: t('notebook.input.show'), onSelect: () => field.current?.focus() } });
  }, [controller, cellId]);

  if (input.ask) return <p className="nb-input-note">{t('notebook.drive.waits')}</p>;
  if (input.account_id !== me) return <p className="nb-input-note">{t('notebook.input.others', { name })}</p>;
  function send(event: FormEvent) {
    event.preventDefault();
    if (!run.execution) return;
    setSent(true);
    controller.answerInput(run.execution.id, input.request_id, value);
  }
  return (
    <form className="nb-input" onSubmit={send}>
      <label>
        <span>{prompt || t('notebook.input.label')}</span>
        <input
          ref={field}
          type={input.password ? 'password' : 'text'}
          value={value}
          autoComplete="off"
          spellCheck={false}
          disabled={sent}
          onChange={(event) => setValue(event.target.value)}
        />
      </label>
      <Button type="submit" size="sm" variant="primary" busy={sent}>
        {t('notebook.input.send')}
      </Button>
    </form>
  );
}

const none: Output[] = [];

export function CellOutput({ cellId, near }: { cellId: string; near: boolean }) {
  const controller = useController();
  const run = useRun(cellId);
  const cell = useCell(cellId);
  const editable = useCanEdit();
  const outputs = run.state?.outputs ?? none;
  const shownOutputs = usePrelude(cellId, outputs);
  const live = run.execution?.status === 'running' && run.execution.id === run.state?.execution_id;
  const hidden = outputHidden(cell?.metadata) && outputs.length > 0;
  // What has once been shown stays mounted while it is hidden: its scripts and widgets keep their state.
  const [shown, setShown] = useState(false);
  const executionId = run.state?.execution_id ?? null;
  const wanted = useStore(controller.live.wanted).get(cellId);
  const frameWanted = wanted !== undefined && wanted === executionId;
  const uploads = useStore(controller.live.uploads).has(cellId);
  if (((near && !hidden) || frameWanted) && !shown) setShown(true);
  if (outputs.length === 0 && !run.input && !live && !frameWanted && !uploads) return null;
  if (!near && !frameWanted) return <div className="nb-output nb-output-far" />;
  return (
    <div className="nb-output">
      {outputs.length > 0 && (
        <div className="nb-output-gutter">
          <IconButton
            size="sm"
            icon={hidden ? 'unfold_more' : 'unfold_less'}
            label={hidden ? t('notebook.output.show') : t('notebook.output.hide')}
            aria-expanded={!hidden}
            onClick={() => controller.setOutputHidden(cellId, !hidden)}
            disabled={!editable}
          />
        </div>
      )}
      {outputs.length > 0 && <OwnOutput />}
      <div className="nb-output-body">
        {hidden && (
          <button type="button" className="nb-output-hidden" onClick={() => controller.setOutputHidden(cellId, false)}>
            {t('notebook.output.hidden')}
          </button>
        )}
        {shown && (
          <div hidden={hidden}>
            <CellOutputs
              fileId={controller.fileId}
              cellId={cellId}
              outputs={shownOutputs}
              executionId={executionId}
              live={live}
              frameWanted={frameWanted}
              owned={outputs}
              {...(editable
                ? {
                    onClear: () => {
                      controller.clearOutputs([cellId]);
                      returnFocus();
                    },
                    onRemove: (id: string) => controller.removeOutput(cellId, id),
                  }
                : {})}
            />
          </div>
        )}
        {uploads && <UploadBox cellId={cellId} />}
        {run.input && <InputBox key={run.input.request_id} cellId={cellId} run={run} input={run.input} />}
      </div>
    </div>
  );
}
