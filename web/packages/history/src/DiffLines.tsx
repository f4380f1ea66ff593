/** The source of a cell, line by line; what did not change is folded. */
import { useState } from 'react';
import type { CellDiff, DiffLine } from '@labora/api';
import { Icon, t } from '@labora/ui';
import { foldLines } from './folding';

const SIGNS = { same: ' ', removed: '−', added: '+' } as const;

function Line({ line }: { line: DiffLine }) {
  const told = line.kind === 'removed' ? t('diff.removedLine') : line.kind === 'added' ? t('diff.addedLine') : null;
  return (
    <span className={`diff-line diff-${line.kind}`}>
      <span className="diff-sign" aria-hidden="true">
        {SIGNS[line.kind]}
      </span>
      {told && <span className="ui-hidden">{told}: </span>}
      <span className="diff-text">
        {line.pieces.map((piece, at) =>
          piece.changed ? <mark key={at}>{piece.text}</mark> : <span key={at}>{piece.text}</span>,
        )}
      </span>
    </span>
  );
}

function Folded({ lines }: { lines: DiffLine[] }) {
  const [open, setOpen] = useState(false);
  if (open) return lines.map((line, at) => <Line key={at} line={line} />);
  return (
    <button type="button" className="diff-fold" onClick={() => setOpen(true)}>
      <Icon name="unfold_more" size={16} />
      {t('diff.hiddenLines', { count: lines.length })}
    </button>
  );
}

export function DiffLines({ lines }: { lines: DiffLine[] }) {
  return (
    <div className="diff-code">
      {foldLines(lines).map((run) =>
        run.folded ? (
          <Folded key={run.start} lines={run.items} />
        ) : (
          run.items.map((line, at) => <Line key={run.start + at} line={line} />)
        ),
      )}
    </div>
  );
}

const kindOf = ({ status }: CellDiff): DiffLine['kind'] =>
  status === 'added' || status === 'removed' ? status : 'same';

/** Lines of a cell that only one side has, or that both have alike. */
export function plainLines(cell: CellDiff, kind = kindOf(cell)): DiffLine[] {
  const source = (cell.after ?? cell.before)?.source ?? '';
  return source === '' ? [] : source.split('\n').map((text) => ({ kind, pieces: [{ text, changed: false }] }));
}
