/** The picture of a cell's code while nobody edits it: text first, colours once it is near the viewport. */
import { memo, type MouseEvent, useMemo } from 'react';
import { useRanges, withRanges } from '../comments/hooks';
import { colour, parserFor } from '../editor/highlight';
import { useController, useSource, useStore } from '../model/context';

export interface StillCodeProps {
  cellId: string;
  language: string;
  near: boolean;
  onEdit: (event: MouseEvent) => void;
}

export const StillCode = memo(function StillCode({ cellId, language, near, onEdit }: StillCodeProps) {
  const source = useSource(cellId);
  const numbers = useStore(useController().ui.preferences).lineNumbers;
  const coloured = useMemo(() => (near ? colour(source, parserFor(language)) : null), [source, language, near]);
  const ranges = useRanges(cellId, source);
  const tokens = useMemo(() => coloured && withRanges(coloured, ranges), [coloured, ranges]);
  const lines = numbers ? Array.from({ length: source.split('\n').length }, (_, at) => at + 1).join('\n') : null;
  return (
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions -- the keyboard goes through the cell: Enter edits
    <div className="nb-code nb-still" onMouseDown={onEdit}>
      {lines && (
        <pre className="nb-lines" aria-hidden="true">
          {lines}
        </pre>
      )}
      <pre className="nb-source">
        {tokens
          ? tokens.map(({ text, style }, at) =>
              style ? (
                <span key={at} className={style}>
                  {text}
                </span>
              ) : (
                text
              ),
            )
          : source}
        {'\n'}
      </pre>
    </div>
  );
});
