import { useEffect, useRef, useState } from 'react';
import type { View } from '@labora/api';
import { Icon, IconButton, navigate, t } from '@labora/ui';

/** Finds in all files by name and content, elsewhere by name in the list of this place. The question is part of the address. */
export function SearchBox({ value, view }: { value: string; view: View }) {
  const [text, setText] = useState(value);
  const input = useRef<HTMLInputElement>(null);
  const asked = useRef(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const place = { drive: '/', shared: '/shared', recent: '/recent', starred: '/starred', trash: '/trash' }[view];

  function ask(next: string, wait: number) {
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      const q = next.trim();
      asked.current = q;
      // The filters stay while the words change.
      const parameters = new URLSearchParams(q && value ? location.search : '');
      parameters.set('q', q);
      navigate(q ? `${place}?${parameters}` : place, { replace: value !== '' });
    }, wait);
  }

  // The address changed by other means (a link, Back): the box follows it, but never while one types.
  useEffect(() => {
    if (value === asked.current) return;
    asked.current = value;
    setText(value);
  }, [value]);

  useEffect(() => {
    function slash(event: KeyboardEvent) {
      const inside = (event.target as HTMLElement).closest('input, textarea, select, [contenteditable], [role=dialog]');
      if (event.key !== '/' || inside || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      input.current?.focus();
    }
    addEventListener('keydown', slash);
    return () => {
      removeEventListener('keydown', slash);
      clearTimeout(timer.current);
    };
  }, []);

  return (
    <search className="search-box">
      <Icon name="search" />
      <input
        ref={input}
        type="text"
        inputMode="search"
        enterKeyHint="search"
        autoComplete="off"
        aria-label={t(`drive.search.${view}`)}
        placeholder={t(`drive.search.${view}`)}
        value={text}
        onChange={(event) => ask(event.target.value, 250)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') ask(text, 0);
          if (event.key === 'Escape') ask('', 0);
          if (event.key === 'ArrowDown') {
            event.preventDefault();
            document.querySelector<HTMLElement>('.search-results a')?.focus();
          }
        }}
      />
      {text && (
        <IconButton
          size="sm"
          icon="close"
          label={t('drive.search.clear')}
          onClick={() => {
            ask('', 0);
            input.current?.focus();
          }}
        />
      )}
    </search>
  );
}
