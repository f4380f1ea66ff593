/** Headings of the text cells, as a way through the notebook. */
import { useEffect, useState } from 'react';
import { IconButton, t } from '@labora/ui';
import { useController } from '../model/context';

interface Heading {
  cell: string;
  level: number;
  text: string;
}

function headingsOf(cell: string, source: string): Heading[] {
  const headings: Heading[] = [];
  let fenced = false;
  for (const line of source.split('\n')) {
    if (/^\s*(```|~~~)/.test(line)) fenced = !fenced;
    const match = fenced ? null : /^(#{1,4})\s+(.+?)\s*#*\s*$/.exec(line);
    if (match)
      headings.push({
        cell,
        level: match[1]?.length ?? 1,
        text: (match[2] ?? '').replace(/[*_`]|\[([^\]]*)\]\([^)]*\)/g, '$1'),
      });
  }
  return headings;
}

export function Contents() {
  const controller = useController();
  const { doc } = controller;
  const [headings, setHeadings] = useState<Heading[]>([]);
  useEffect(() => {
    const read = () => {
      const texts = doc.cellIds().filter((id) => doc.cell(id)?.kind === 'markdown');
      setHeadings(texts.flatMap((id) => headingsOf(id, doc.source(id))));
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const soon = () => (timer ??= setTimeout(() => ((timer = undefined), read()), 400));
    read();
    const ydoc = doc.ydoc;
    ydoc.on('update', soon);
    return () => {
      clearTimeout(timer);
      ydoc.off('update', soon);
    };
    // oxlint-disable-next-line react/exhaustive-effect-dependencies -- their change means other elements
  }, [doc, doc.generation]);
  return (
    <nav className="nb-contents" aria-label={t('notebook.contents.title')}>
      <div className="nb-contents-head">
        <h2>{t('notebook.contents.title')}</h2>
        <IconButton
          size="sm"
          icon="close"
          label={t('notebook.banner.dismiss')}
          onClick={() => controller.ui.setPreference('contents', false)}
        />
      </div>
      {headings.length === 0 && <p>{t('notebook.contents.empty')}</p>}
      {headings.map((heading, at) => (
        <button
          key={`${heading.cell}-${at}`}
          type="button"
          data-level={heading.level}
          onClick={() => {
            controller.activate(heading.cell);
            document.querySelector(`[data-cell="${CSS.escape(heading.cell)}"]`)?.scrollIntoView({ block: 'start' });
          }}
        >
          {heading.text}
        </button>
      ))}
    </nav>
  );
}
