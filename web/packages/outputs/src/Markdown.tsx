import { useTheme } from '@labora/ui';
import { useEffect, useRef } from 'react';
import { say } from './core';
import { Diagrams } from './diagrams';
import { useOutputsHost } from './host';
import { frameTheme } from './theme-tokens';
import './outputs.css';

export interface MarkdownProps {
  source: string;
  /** nbformat's `attachments` of the cell. */
  attachments?: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined;
  /** With it diagrams of Mermaid are drawn, in frames of this file. */
  fileId?: string;
  cellId?: string;
  className?: string;
  /** Called after the text has been put into the page: headings, links and formulas are there. */
  onRendered?: (element: HTMLElement) => void;
}

/** Markdown as a person wrote it, made safe for the page. */
export function Markdown({ source, attachments, fileId, cellId = '', className, onRendered }: MarkdownProps) {
  const root = useRef<HTMLDivElement>(null);
  const host = useOutputsHost();
  const { externalImages } = host;
  const theme = useTheme();
  const diagrams = useRef<Diagrams | null>(null);
  const latest = useRef({ host, theme });
  useEffect(() => {
    latest.current = { host, theme };
    diagrams.current?.setTheme(frameTheme(theme));
  }, [host, theme]);
  useEffect(() => {
    if (fileId === undefined || root.current === null) return;
    const { host: now, theme: look } = latest.current;
    const made = new Diagrams(root.current, { fileId, cellId, theme: frameTheme(look), host: now });
    diagrams.current = made;
    return () => {
      made.dispose();
      diagrams.current = null;
    };
  }, [fileId, cellId]);
  useEffect(() => {
    let stale = false;
    const show = async () => {
      const { renderMarkdown } = await import('./core/markdown');
      const fragment = await renderMarkdown(source, { externalImages, attachments });
      if (stale || root.current === null) return;
      if (diagrams.current === null) root.current.replaceChildren(fragment);
      else diagrams.current.show(fragment);
      onRendered?.(root.current);
    };
    show().catch(() => root.current?.replaceChildren(say('loadFailed')));
    return () => {
      stale = true;
    };
  }, [source, attachments, externalImages, onRendered]);
  return <div ref={root} className={className === undefined ? 'lo-markdown' : `lo-markdown ${className}`} />;
}
