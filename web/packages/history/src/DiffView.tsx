/** A whole difference: what changed in numbers, then the cells; unchanged ones are folded. */
import { useRef, useState } from 'react';
import type { CellDiff, NotebookDiff } from '@labora/api';
import { EmptyState, Icon, IconButton, Spinner, Button, errorText, t } from '@labora/ui';
import { DiffCell, MetadataChanges } from './DiffCell';
import { DiffLines, plainLines } from './DiffLines';
import { counts, foldCells } from './folding';
import type { Loaded } from './loading';

function Quiet({ cells }: { cells: CellDiff[] }) {
  const [open, setOpen] = useState(false);
  if (!open) {
    return (
      <button type="button" className="diff-fold diff-fold-cells" onClick={() => setOpen(true)}>
        <Icon name="unfold_more" size={18} />
        {t('diff.hiddenCells', { count: cells.length })}
      </button>
    );
  }
  return cells.map((cell) => (
    <article key={cell.after?.id} className="diff-cell diff-cell-same">
      <header>
        <h3>{t(`diff.cell.${cell.after?.kind ?? 'code'}`, { place: (cell.after?.index ?? 0) + 1 })}</h3>
        {cell.parts.length > 0 && <span className="diff-badge">{t('diff.runAgain')}</span>}
      </header>
      <DiffLines lines={plainLines(cell, 'same')} />
    </article>
  ));
}

/** Puts the focus on the change before or after the one that has it, and that into sight. */
function step(root: HTMLElement | null, by: 1 | -1): void {
  const changes = [...(root?.querySelectorAll<HTMLElement>('[data-diff]') ?? [])];
  const here = changes.findIndex((one) => one.contains(document.activeElement));
  const next = changes[here < 0 ? (by > 0 ? 0 : changes.length - 1) : here + by];
  next?.focus();
  next?.scrollIntoView({ block: 'start' });
}

function Differences({ diff }: { diff: NotebookDiff }) {
  const root = useRef<HTMLDivElement>(null);
  const files = { before: (diff.before ?? diff.after).file_id, after: diff.after.file_id };
  const told = counts(diff.cells);
  const changes = diff.cells.some((cell) => cell.status !== 'same' || cell.moved);
  if (!changes && diff.metadata.length === 0) {
    return (
      <EmptyState icon="check_circle" title={t('diff.none.title')}>
        {t('diff.none.text')}
      </EmptyState>
    );
  }
  return (
    <div ref={root}>
      <div className="diff-summary">
        <p role="status">
          {told.map(({ key, count }) => (
            <span key={key} className={`diff-count diff-count-${key}`}>
              {t(`diff.${key}`, { count })}
            </span>
          ))}
        </p>
        <IconButton size="sm" icon="arrow_upward" label={t('diff.last')} onClick={() => step(root.current, -1)} />
        <IconButton size="sm" icon="arrow_downward" label={t('diff.next')} onClick={() => step(root.current, 1)} />
      </div>
      {diff.outputs_left_out && <p className="diff-note">{t('diff.leftOut')}</p>}
      {diff.metadata.length > 0 && (
        <article
          className="diff-cell diff-cell-changed"
          aria-label={t('diff.notebookMetadata')}
          data-diff="metadata"
          tabIndex={-1}
        >
          <header>
            <h3>{t('diff.notebookMetadata')}</h3>
          </header>
          <MetadataChanges changes={diff.metadata} />
        </article>
      )}
      {foldCells(diff.cells).map((run) =>
        run.folded ? (
          <Quiet key={run.start} cells={run.items} />
        ) : (
          run.items.map((cell, at) => <DiffCell key={run.start + at} cell={cell} files={files} />)
        ),
      )}
    </div>
  );
}

export function DiffView({ loaded, again }: { loaded: Loaded<NotebookDiff>; again: () => void }) {
  if (loaded.state === 'loading') {
    return (
      <div className="history-wait">
        <Spinner size={28} label={t('diff.loading')} />
      </div>
    );
  }
  if (loaded.state === 'failed') {
    return (
      <EmptyState icon="error" title={t('history.failed')} actions={<Button onClick={again}>{t('ui.retry')}</Button>}>
        {errorText(loaded.error)}
      </EmptyState>
    );
  }
  return <Differences diff={loaded.value} />;
}
