import { useEffect, useRef } from 'react';
import { say } from './core';
import { useOutputsHost } from './host';
import './outputs.css';

export interface MarkdownProps {
  source: string;
  /** nbformat's `attachments` of the cell. */
  attachments?: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined;
  fileId?: string;
  className?: string;
  /** Called after the text has been put into the page: headings, links and formulas are there. */
  onRendered?: (element: HTMLElement) => void;
}

/** Markdown as a person wrote it, made safe for the page. */
export function Markdown({ source, attachments, className, onRendered }: MarkdownProps) {
  const root = useRef<HTMLDivElement>(null);
  const { externalImages } = useOutputsHost();
  useEffect(() => {
    let stale = false;
    const show = async () => {
      const { renderMarkdown } = await import('./core/markdown');
      const fragment = await renderMarkdown(source, { externalImages, attachments });
      if (stale || root.current === null) return;
      root.current.replaceChildren(fragment);
      onRendered?.(root.current);
    };
    show().catch(() => root.current?.replaceChildren(say('loadFailed')));
    return () => {
      stale = true;
    };
  }, [source, attachments, externalImages, onRendered]);
  return <div ref={root} className={className === undefined ? 'lo-markdown' : `lo-markdown ${className}`} />;
}
