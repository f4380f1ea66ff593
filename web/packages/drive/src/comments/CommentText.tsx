/** What somebody wrote: Markdown, made safe by the rules of text cells, with names of people in it. */
import { useCallback, useMemo } from 'react';
import { randomId } from '@labora/api';
import { Markdown } from '@labora/outputs';
import { MENTION } from './mentions';

export function CommentText({ content }: { content: string }) {
  const { source, names, mark } = useMemo(() => {
    const names: string[] = [];
    // Links to nowhere under a name that nobody can have written, until the names take their places.
    const mark = `mention-${randomId()}-`;
    const source = content.replace(MENTION, (_, name: string) => `[@](#${mark}${names.push(name) - 1})`);
    return { source, names, mark };
  }, [content]);
  const show = useCallback(
    (element: HTMLElement) => {
      for (const link of element.querySelectorAll(`a[href*="${mark}"]`)) {
        const person = document.createElement('span');
        person.className = 'comment-mention';
        person.textContent = `@${names[Number(link.getAttribute('href')?.split(mark)[1])] ?? ''}`;
        link.replaceWith(person);
      }
    },
    [names, mark],
  );
  return <Markdown source={source} className="comment-text" onRendered={show} />;
}
