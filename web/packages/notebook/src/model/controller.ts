/** The verbs of the page. Commands, buttons and keys all end here. */
import { confirm, t, toast } from '@labora/ui';
import {
  canEdit,
  type CellKind,
  CommandError,
  type NotebookDocument,
  RoomClient,
  type RoomStore,
  type RuntimeState,
} from '@labora/document';
import { NotebookComments } from '../comments/model';
import { copiedBy, setCopied } from './clipboard';
import { LiveOutputs } from '../live/live-outputs';
import { canPlay, openPlayground } from '../private/playground';
import { Interface } from './interface';
import { People } from './people';
import { Usage } from './usage';

export class NotebookController {
  readonly fileId: string;
  readonly client: RoomClient;
  readonly ui = new Interface();
  readonly people: People;
  readonly usage: Usage;
  readonly comments: NotebookComments;
  readonly live: LiveOutputs;

  constructor(fileId: string, accountId?: string) {
    this.fileId = fileId;
    this.client = new RoomClient({ fileId, ...(accountId ? { accountId } : {}) });
    this.people = new People(this.client);
    this.usage = new Usage(this.client);
    this.comments = new NotebookComments(this, accountId);
    this.live = new LiveOutputs(this);
  }

  get doc(): NotebookDocument {
    return this.client.document;
  }

  get room(): RoomStore {
    return this.client.room;
  }

  get canEdit(): boolean {
    return canEdit(this.client.status.get());
  }

  get runtime(): RuntimeState | null {
    return this.room.runtime(this.#accountId ?? '');
  }

  get #accountId(): string | undefined {
    return this.client.status.get().account?.id;
  }

  /** The selected cells, in order. */
  targets(): string[] {
    return this.doc.cellIds().filter((id) => this.ui.selected.has(id));
  }

  // --- Running ---------------------------------------------------------------------------------------------------

  /** Runs the code cells among `ids`, in the order of the notebook. A run is queued, whatever the connection does. */
  run(ids: readonly string[]): void {
    if (canPlay(this) && !this.canEdit && this.client.status.get().loaded) {
      void openPlayground(this, ids);
      return;
    }
    if (!this.canEdit && this.client.status.get().loaded) {
      toast({ message: t('notebook.run.readOnly') });
      return;
    }
    const cells = ids.filter((id) => this.doc.cell(id)?.kind === 'code' && this.doc.source(id).trim() !== '');
    if (cells.length === 0 || !this.canEdit) return;
    this.#ask(cells, true);
    void this.send('execute', { cells }).finally(() => this.#ask(cells, false));
  }

  #ask(cells: readonly string[], add: boolean): void {
    const asked = new Set(this.ui.asked.get());
    for (const id of cells) {
      if (add) asked.add(id);
      else asked.delete(id);
    }
    this.ui.asked.set(asked);
  }

  runAll(): void {
    this.run(this.doc.cellIds());
  }

  runBefore(): void {
    this.run(this.doc.cellIds().slice(0, Math.max(0, this.doc.indexOf(this.ui.active ?? ''))));
  }

  runAfter(): void {
    const at = this.doc.indexOf(this.ui.active ?? '');
    if (at >= 0) this.run(this.doc.cellIds().slice(at));
  }

  /** Runs the selected cells; text cells show their text. */
  runSelected(): void {
    this.run(this.targets());
    const active = this.ui.active;
    if (active && this.doc.cell(active)?.kind !== 'code') this.ui.activate(active);
  }

  runAndAdvance(): void {
    const last = this.targets().at(-1);
    if (!last) return;
    this.run(this.targets());
    const next = this.doc.cellIds()[this.doc.indexOf(last) + 1];
    if (next) this.activate(next, this.doc.cell(next)?.kind === 'code' && this.ui.editing);
    else if (this.canEdit) this.insert('code', last);
    else this.ui.activate(last);
  }

  runAndInsert(): void {
    const last = this.targets().at(-1);
    if (!last) return;
    this.run(this.targets());
    this.insert('code', last);
  }

  cancel(cell: string): void {
    void this.send('cancel', { cells: [cell] });
  }

  connect(): void {
    void this.send('connect');
  }

  interrupt(): void {
    void this.send('interrupt');
  }

  async restart(runAll = false): Promise<void> {
    const question = {
      title: t('notebook.restartTitle'),
      message: t('notebook.restartText'),
      action: t('notebook.restart'),
    };
    if (!(await confirm(question))) return;
    await this.send('restart');
    if (runAll) this.runAll();
  }

  async disconnect(): Promise<void> {
    const question = {
      title: t('notebook.disconnectTitle'),
      message: t('notebook.disconnectText'),
      action: t('notebook.disconnectAction'),
      danger: true,
    };
    if (await confirm(question)) await this.send('disconnect');
  }

  async resetAll(): Promise<void> {
    const { resetAll } = await import('@labora/drive/sessions');
    await resetAll();
  }

  async keep(): Promise<void> {
    const id = this.runtime?.runtime_id;
    if (!id) return;
    const { keepRuntime } = await import('@labora/drive/sessions');
    await keepRuntime(id);
  }

  async save(): Promise<void> {
    const done = await this.send('checkpoint', { name: null });
    if (done !== null) toast({ message: t('notebook.revisionSaved'), kind: 'ok' });
  }

  answerInput(executionId: string, requestId: string, value: string): void {
    void this.send('input', { execution_id: executionId, request_id: requestId, value });
  }

  clearOutputs(cells: readonly string[]): void {
    void this.send('clear_outputs', { cells });
  }

  removeOutput(cell: string, output: string): void {
    void this.send('clear_outputs', { cells: [cell], outputs: [output] });
  }

  clearAllOutputs(): void {
    void this.send('clear_outputs', { all: true });
  }

  /** Sends a command and tells the person of a refusal; null then. */
  async send(type: string, args: Record<string, unknown> = {}): Promise<unknown> {
    try {
      return (await this.client.command(type, args)) ?? {};
    } catch (error) {
      if (error instanceof CommandError && error.code !== 'ended') toast({ message: error.message, kind: 'error' });
      return null;
    }
  }

  // --- Cells -----------------------------------------------------------------------------------------------------

  activate(id: string, editing = false): void {
    this.ui.activate(id, editing && (this.canEdit || this.doc.cell(id)?.kind === 'code'));
    this.doc.endStep();
  }

  /** Inserts an empty cell after another one (null: at the top) and puts the caret into it. */
  insert(kind: CellKind, after: string | null): void {
    if (!this.canEdit) return;
    const [id] = this.doc.insert([{ kind, source: '' }], after);
    if (id) this.activate(id, true);
  }

  /** Inserts a code cell below the active one, else at the end, and shows it. */
  insertCode(source: string): void {
    if (!this.canEdit) return;
    const ids = this.doc.cellIds();
    const at = this.doc.indexOf(this.ui.active ?? '');
    const [id] = this.doc.insert([{ kind: 'code', source }], (at < 0 ? ids.at(-1) : ids[at]) ?? null);
    if (!id) return;
    this.ui.activate(id);
    this.ui.revealed.set({ id });
  }

  insertBeside(kind: CellKind, where: 'above' | 'below'): void {
    const ids = this.doc.cellIds();
    const at = this.doc.indexOf(this.ui.active ?? '');
    if (at < 0) return this.insert(kind, ids.at(-1) ?? null);
    this.insert(kind, (where === 'below' ? ids[at] : ids[at - 1]) ?? null);
  }

  remove(ids = this.targets()): void {
    if (ids.length === 0 || !this.canEdit) return;
    const order = this.doc.cellIds();
    const last = order.indexOf(ids.at(-1) ?? '');
    const next =
      order.slice(last + 1).find((id) => !ids.includes(id)) ?? order.slice(0, last).findLast((id) => !ids.includes(id));
    const runs = ids.some((id) => this.room.cell(id).execution?.status === 'running');
    this.doc.remove(ids);
    this.ui.activate(next ?? null);
    const action = { label: t('notebook.undo'), onSelect: () => this.undo() };
    const deleted = t('notebook.cellsDeleted', { count: ids.length });
    toast({ message: runs ? `${deleted} ${t('notebook.stillRuns')}` : deleted, action });
  }

  move(direction: -1 | 1): void {
    if (!this.canEdit) return;
    const moving = this.targets();
    const order = this.doc.cellIds();
    if (direction < 0) {
      const at = order.indexOf(moving[0] ?? '');
      if (at > 0) this.doc.move(moving, order[at - 2] ?? null);
    } else {
      const at = order.indexOf(moving.at(-1) ?? '');
      if (at >= 0 && at < order.length - 1) this.doc.move(moving, order[at + 1] ?? null);
    }
    const seen = direction < 0 ? moving[0] : moving.at(-1);
    if (seen) this.ui.revealed.set({ id: seen });
  }

  setKind(kind: CellKind): void {
    this.doc.setKind(this.targets(), kind);
  }

  split(offset: number): void {
    const id = this.ui.active;
    const created = id ? this.doc.split(id, offset) : null;
    if (created) this.activate(created, true);
  }

  /** Merges the selected cells, or the active one with the next. */
  merge(): void {
    let cells = this.targets();
    const [first] = cells;
    if (!first) return;
    if (cells.length === 1) cells = this.doc.cellIds().slice(this.doc.indexOf(first)).slice(0, 2);
    if (cells.length < 2) return;
    this.doc.merge(cells);
    this.activate(first);
  }

  copy(ids = this.targets()): void {
    const cells = ids.flatMap((from) => {
      const content = this.doc.content(from);
      return content ? [{ from, content }] : [];
    });
    if (cells.length === 0) return;
    setCopied({ accountId: this.#accountId ?? '', fileId: this.fileId, cells });
    void navigator.clipboard?.writeText(cells.map((cell) => cell.content.source).join('\n\n')).catch(() => {});
  }

  cut(): void {
    this.copy();
    this.remove();
  }

  get canPaste(): boolean {
    return copiedBy(this.#accountId) !== null;
  }

  paste(): void {
    const clipboard = copiedBy(this.#accountId);
    if (!clipboard || !this.canEdit) return;
    const after = this.targets().at(-1) ?? this.doc.cellIds().at(-1) ?? null;
    const created = this.doc.insert(
      clipboard.cells.map((cell) => cell.content),
      after,
    );
    for (const [at, id] of created.entries()) {
      const from = clipboard.cells[at]?.from ?? '';
      const has = (this.room.cell(from).state?.outputs.length ?? 0) > 0;
      if (clipboard.fileId === this.fileId && has) void this.send('copy_outputs', { from, to: id });
    }
    const last = created.at(-1);
    if (last) this.ui.select(last, new Set(created), created[0] ?? null);
  }

  undo(): void {
    this.#showChanged(() => this.doc.undo());
  }

  redo(): void {
    this.#showChanged(() => this.doc.redo());
  }

  /** Goes to what a step changed; when it took the active cell away, to the cell above that. */
  #showChanged(step: () => readonly string[]): void {
    const at = this.doc.indexOf(this.ui.active ?? '');
    const shown = step().find((id) => this.doc.indexOf(id) >= 0);
    if (shown) {
      if (shown !== this.ui.active) this.activate(shown);
    } else if (at >= 0 && this.doc.indexOf(this.ui.active ?? '') < 0) {
      this.ui.activate(this.doc.cellIds()[Math.max(0, at - 1)] ?? null);
    }
  }

  // --- Moving about ----------------------------------------------------------------------------------------------

  /** Makes the next or previous cell the active one; `extend` keeps the cells between in the selection. */
  step(direction: -1 | 1, extend = false, editing = false): void {
    const order = this.doc.cellIds();
    const at = this.doc.indexOf(this.ui.active ?? '');
    const to = order[at < 0 ? 0 : at + direction];
    if (!to) return;
    if (!extend) return this.activate(to, editing);
    const anchor = this.ui.anchor ?? this.ui.active ?? to;
    this.selectTo(to, anchor);
  }

  selectTo(to: string, anchor = this.ui.anchor ?? to): void {
    const order = this.doc.cellIds();
    const [from, until] = [order.indexOf(anchor), order.indexOf(to)].sort((a, b) => a - b) as [number, number];
    this.ui.select(to, new Set(order.slice(Math.max(0, from), until + 1)), anchor);
  }

  selectAll(): void {
    const order = this.doc.cellIds();
    const active = this.ui.active ?? order[0];
    if (active) this.ui.select(active, new Set(order), order[0] ?? null);
  }

  toggleOutput(): void {
    for (const id of this.targets()) {
      const hidden = outputHidden(this.doc.cell(id)?.metadata);
      this.setOutputHidden(id, !hidden);
    }
  }

  setOutputHidden(id: string, hidden: boolean): void {
    const jupyter = { ...(this.doc.cell(id)?.metadata['jupyter'] as object | undefined) } as Record<string, unknown>;
    if (hidden) jupyter['outputs_hidden'] = true;
    else delete jupyter['outputs_hidden'];
    this.doc.setCellMetadata(id, 'jupyter', Object.keys(jupyter).length > 0 ? jupyter : undefined);
    if (this.doc.cell(id)?.metadata['collapsed'] !== undefined) this.doc.setCellMetadata(id, 'collapsed', undefined);
  }
}

/** nbformat's two ways to say that outputs are collapsed. */
export function outputHidden(metadata: Readonly<Record<string, unknown>> | undefined): boolean {
  const jupyter = metadata?.['jupyter'] as { outputs_hidden?: unknown } | undefined;
  return jupyter?.outputs_hidden === true || metadata?.['collapsed'] === true;
}
