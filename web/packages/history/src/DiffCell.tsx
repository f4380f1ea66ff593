/** One cell of a difference: what became of it, its source, outputs and metadata. */
import type { CellDiff, CellSide, KeyChange } from '@labora/api';
import { CellOutputs, type Output } from '@labora/outputs';
import { t } from '@labora/ui';
import { DiffLines, plainLines } from './DiffLines';

interface Files {
  before: string;
  after: string;
}

const placeOf = (side: CellSide | null): number => (side?.index ?? 0) + 1;

function Outputs({ cell, files }: { cell: CellDiff; files: Files }) {
  const sides = [
    { key: 'before', side: cell.before, fileId: files.before },
    { key: 'after', side: cell.after, fileId: files.after },
  ].filter(({ side }) => side?.outputs);
  if (sides.every(({ side }) => side?.outputs?.length === 0)) return null;
  return (
    <div className="diff-part">
      <h4>{t('diff.outputs')}</h4>
      <div className="diff-outputs">
        {sides.map(({ key, side, fileId }) => (
          <div key={key} className={`diff-output diff-output-${key}`}>
            {sides.length > 1 && <h5>{t(`diff.${key}`)}</h5>}
            {side?.outputs?.length === 0 ? (
              <p className="diff-note">{t('diff.noOutput')}</p>
            ) : (
              <CellOutputs
                fileId={fileId}
                cellId={`${key}-${side?.id}`}
                outputs={(side?.outputs ?? []) as unknown as Output[]}
                executionId={null}
                live={false}
              />
            )}
          </div>
        ))}
      </div>
    </div>
  );
}

const Value = ({ text }: { text: string | null }) =>
  text === null ? <em>{t('diff.absent')}</em> : <code>{text.length > 2_000 ? `${text.slice(0, 2_000)}…` : text}</code>;

export function MetadataChanges({ changes }: { changes: KeyChange[] }) {
  return (
    <ul className="diff-metadata">
      {changes.map((change) => (
        <li key={change.path.join('\0')}>
          <strong>{change.path.join(' › ')}</strong>
          <span className="diff-value diff-removed">
            <span className="ui-hidden">{t('diff.before')}: </span>
            <Value text={change.before} />
          </span>
          <span className="diff-value diff-added">
            <span className="ui-hidden">{t('diff.after')}: </span>
            <Value text={change.after} />
          </span>
        </li>
      ))}
    </ul>
  );
}

export function DiffCell({ cell, files }: { cell: CellDiff; files: Files }) {
  const shown = cell.after ?? cell.before;
  const lines = cell.lines.length > 0 ? cell.lines : plainLines(cell);
  const kinds = cell.parts.includes('kind') && cell.before && cell.after;
  const title = t(`diff.cell.${shown?.kind ?? 'code'}`, { place: placeOf(shown) });
  return (
    <article
      className={`diff-cell diff-cell-${cell.status}`}
      aria-label={`${title}: ${t(`diff.status.${cell.status}`)}`}
      data-diff={cell.status}
      tabIndex={-1}
    >
      <header>
        <h3>{title}</h3>
        <span className={`diff-badge diff-badge-${cell.status}`}>{t(`diff.status.${cell.status}`)}</span>
        {cell.moved && (
          <span className="diff-badge">
            {t('diff.movedFrom', { from: placeOf(cell.before), to: placeOf(cell.after) })}
          </span>
        )}
        {kinds && (
          <span className="diff-badge">
            {t('diff.kind', {
              before: t(`diff.kinds.${cell.before?.kind ?? 'code'}`),
              after: t(`diff.kinds.${cell.after?.kind ?? 'code'}`),
            })}
          </span>
        )}
      </header>
      {lines.length > 0 ? <DiffLines lines={lines} /> : <p className="diff-note">{t('diff.emptyCell')}</p>}
      <Outputs cell={cell} files={files} />
      {cell.metadata.length > 0 && (
        <div className="diff-part">
          <h4>{t('diff.metadata')}</h4>
          <MetadataChanges changes={cell.metadata} />
        </div>
      )}
    </article>
  );
}
