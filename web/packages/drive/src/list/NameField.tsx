import { type KeyboardEvent, useRef } from 'react';
import type { File } from '@labora/api';
import { t } from '@labora/ui';

/** The field in which a file is renamed, in place of its name. Ends with null when the name stays. */
export function NameField({ file, onDone }: { file: File; onDone: (name: string | null) => void }) {
  const ended = useRef(false);
  function end(name: string | null) {
    if (ended.current) return;
    ended.current = true;
    const clean = name?.trim();
    onDone(clean && clean !== file.name ? clean : null);
  }
  function key(event: KeyboardEvent<HTMLInputElement>) {
    event.stopPropagation();
    // Within a composition these keys belong to the input method.
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Enter') end(event.currentTarget.value);
    if (event.key === 'Escape') end(null);
  }
  return (
    <input
      className="ui-input file-rename"
      aria-label={t('drive.rename.label', { name: file.name })}
      defaultValue={file.name}
      autoFocus
      spellCheck={false}
      onKeyDown={key}
      onClick={(event) => event.stopPropagation()}
      onDoubleClick={(event) => event.stopPropagation()}
      onPointerDown={(event) => event.stopPropagation()}
      onFocus={(event) => {
        // The ending stays unless it is meant: only the stem is selected.
        const dot = file.kind === 'folder' ? -1 : file.name.lastIndexOf('.');
        event.target.setSelectionRange(0, dot > 0 ? dot : file.name.length);
      }}
      onBlur={(event) => end(event.target.value)}
    />
  );
}
