/** What a form does: writes values into the source, runs by itself where its title says so, shows and hides code. */
import type { NotebookController } from '../model/controller';
import type { Problem } from './fields';
import { formOf, type Mode, modeOf } from './parse';
import { type Change, setValue } from './rewrite';

/** How long a form waits for the next change before it runs. */
const PAUSE_MS = 400;

const waiting = new WeakMap<NotebookController, Map<string, () => void>>();

/** Writes a field's value as somebody changes it here; returns why it cannot be written. */
export function writeField(c: NotebookController, cellId: string, key: string, value: string): Problem | null {
  const change = setValue(formOf(c.doc.source(cellId)), key, value);
  if ('problem' in change) return change.problem;
  if (!c.canEdit) return 'gone';
  c.doc.replace(cellId, change.from, change.to, change.insert);
  return null;
}

/**
 * Runs a cell whose form runs by itself, once its fields rest. Only called for what this person did to a field: a
 * change that came from somebody else, from undo or with the document never gets here.
 */
export function runSoon(c: NotebookController, cellId: string): void {
  const timers = waiting.get(c) ?? new Map<string, () => void>();
  waiting.set(c, timers);
  timers.get(cellId)?.();
  let unlisten = () => {};
  const begin = () => {
    const { execution, queued } = c.room.cell(cellId);
    // The run that goes on has the values of before: this one comes after it, once.
    if (queued > 0 || execution?.status === 'running') return;
    timers.get(cellId)?.();
    if (c.canEdit && formOf(c.doc.source(cellId))?.title?.auto) c.run([cellId]);
  };
  const timer = setTimeout(() => {
    unlisten = c.room.on(`cell:${cellId}`, begin);
    begin();
  }, PAUSE_MS);
  timers.set(cellId, () => {
    clearTimeout(timer);
    unlisten();
    timers.delete(cellId);
  });
}

export const isAuto = (c: NotebookController, cellId: string): boolean =>
  formOf(c.doc.source(cellId))?.title?.auto === true;

/** What a cell shows, or null where it has no form. */
export function shownMode(c: NotebookController, cellId: string): Mode | null {
  const cell = c.doc.cell(cellId);
  if (cell?.kind !== 'code') return null;
  const form = formOf(c.doc.source(cellId));
  const view = cell.metadata['cellView'];
  return form ? modeOf(form, view) : view === 'form' ? 'form' : null;
}

/** Sets what a cell shows, for everybody. */
export function setMode(c: NotebookController, cellId: string, mode: Mode): void {
  const usual = formOf(c.doc.source(cellId))?.title?.mode ?? 'both';
  c.doc.setCellMetadata(cellId, 'cellView', mode === usual ? undefined : mode);
}

/** Shows the code of a form, or hides it. */
export function toggleCode(c: NotebookController, cellId: string): void {
  const mode = shownMode(c, cellId);
  if (!mode || !c.canEdit) return;
  if (mode === 'both' && c.ui.active === cellId) c.activate(cellId);
  setMode(c, cellId, mode === 'both' ? 'form' : 'both');
}

/** Makes a change of the source that is a step of its own. */
export function change(c: NotebookController, cellId: string, made: Change): void {
  c.doc.endStep();
  c.doc.replace(cellId, made.from, made.to, made.insert);
  c.doc.endStep();
}
