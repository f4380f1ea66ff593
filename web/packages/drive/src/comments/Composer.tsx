/** Where a comment is written: grows with its text, completes people after an `@`, and forgets nothing on a reload. */
import { type KeyboardEvent, useEffect, useId, useLayoutEffect, useRef, useState } from 'react';
import { api, type Mentionable, sharing } from '@labora/api';
import { Avatar, Button, classes, errorText, t, toast } from '@labora/ui';
import { keepDraft, readDraft } from '../shell/drafts';
import { asked, type Named, stored, written } from './mentions';

export interface ComposerProps {
  fileId: string;
  /** Under this key what was written waits for the next time. */
  draft: string;
  /** What stands there at first, as it is stored. */
  content?: string;
  label: string;
  placeholder: string;
  send: string;
  canShare: boolean;
  autoFocus?: boolean;
  /** Buttons only once something is written, or the field has the focus. */
  compact?: boolean;
  onSend: (content: string) => void;
  onCancel?: () => void;
}

/** People for the name that is being written, a moment after the last key. */
function usePeople(fileId: string, name: string | null): Mentionable[] {
  const [people, setPeople] = useState<Mentionable[]>([]);
  useEffect(() => {
    if (name === null) return setPeople([]);
    const control = new AbortController();
    const ask = () => api.mentionable(fileId, name, control.signal).then(setPeople, () => undefined);
    const timer = setTimeout(() => void ask(), 120);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [fileId, name]);
  return people;
}

export function Composer({ fileId, draft, content = '', onSend, onCancel, ...rest }: ComposerProps) {
  const [first] = useState(() => written(readDraft(draft) || content));
  const [text, setText] = useState(first.text);
  const [chosen, setChosen] = useState<(Named & { outside?: boolean })[]>(first.people);
  const [inside, setInside] = useState<readonly string[]>([]);
  const [caret, setCaret] = useState(0);
  const [closed, setClosed] = useState(false);
  const [active, setActive] = useState(0);
  const [focused, setFocused] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const listId = useId();
  const question = closed || !focused ? null : asked(text, caret);
  const people = usePeople(fileId, question?.name ?? null);
  const open = question !== null && people.length > 0;
  const used = stored(text, chosen);
  const outside = chosen.filter(
    (one) => one.outside && !inside.includes(one.id) && used.includes(`(account:${one.id})`),
  );

  useEffect(() => keepDraft(draft, used === content ? '' : used), [draft, used, content]);
  useLayoutEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight + 2}px`;
    // oxlint-disable-next-line react/exhaustive-effect-dependencies -- its height depends on what is in it
  }, [text]);
  useLayoutEffect(() => {
    const element = field.current;
    if (!rest.autoFocus || !element) return;
    element.focus();
    element.setSelectionRange(element.value.length, element.value.length);
  }, [rest.autoFocus]);

  function pick(person: Mentionable) {
    if (!question) return;
    const before = `${text.slice(0, question.from)}@${person.name} `;
    setText(before + text.slice(caret));
    setChosen([
      ...chosen.filter((one) => one.name !== person.name),
      { id: person.id, name: person.name, outside: !person.has_access },
    ]);
    requestAnimationFrame(() => {
      field.current?.focus();
      field.current?.setSelectionRange(before.length, before.length);
      setCaret(before.length);
    });
  }

  function submit() {
    if (!text.trim()) return;
    keepDraft(draft, '');
    onSend(used.trim());
    setText('');
    setChosen([]);
  }

  function cancel() {
    keepDraft(draft, '');
    setText('');
    setChosen([]);
    onCancel?.();
  }

  function key(event: KeyboardEvent) {
    // Keys of an input method are its own; what is typed here is no command of the page.
    if (event.nativeEvent.isComposing) return;
    const person = people[active];
    if (open && event.key === 'ArrowDown') setActive((active + 1) % people.length);
    else if (open && event.key === 'ArrowUp') setActive((active + people.length - 1) % people.length);
    else if (open && person && (event.key === 'Enter' || event.key === 'Tab')) pick(person);
    else if (open && event.key === 'Escape') setClosed(true);
    else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) submit();
    else if (event.key === 'Escape' && onCancel && !text.trim()) cancel();
    else if (event.key === 'Escape') field.current?.blur();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  async function share(person: Named) {
    try {
      await sharing.give(fileId, { account_id: person.id }, 'commenter', { notify: true, message: '' });
      setInside([...inside, person.id]);
      toast({ message: t('comments.shared', { name: person.name }), kind: 'ok' });
    } catch (reason) {
      toast({ message: errorText(reason), kind: 'error' });
    }
  }

  const buttons = !rest.compact || focused || text.trim() !== '';
  return (
    <div
      className="comment-composer"
      onFocus={() => setFocused(true)}
      onBlur={(event) => event.currentTarget.contains(event.relatedTarget) || setFocused(false)}
    >
      <div className="comment-field">
        <textarea
          ref={field}
          rows={1}
          value={text}
          aria-label={rest.label}
          placeholder={rest.placeholder}
          aria-haspopup="listbox"
          aria-controls={open ? listId : undefined}
          aria-autocomplete="list"
          aria-activedescendant={open ? `${listId}-${active}` : undefined}
          onChange={(event) => {
            setText(event.target.value);
            setCaret(event.target.selectionStart);
            setClosed(false);
            setActive(0);
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
          onKeyDown={key}
        />
        {open && (
          <div id={listId} role="listbox" aria-label={t('comments.people')} className="comment-people">
            {people.map((person, index) => (
              <div
                key={person.id}
                id={`${listId}-${index}`}
                role="option"
                tabIndex={-1}
                aria-selected={index === active}
                className={classes('comment-person', index === active && 'comment-person-active')}
                onPointerDown={(event) => event.preventDefault()}
                onClick={() => pick(person)}
              >
                <Avatar name={person.name} color={person.color} size={24} />
                <span className="ui-truncate">{person.name}</span>
              </div>
            ))}
          </div>
        )}
      </div>
      {outside.map((person) => (
        <p key={person.id} className="comment-outside" role="status">
          {t('comments.outside', { name: person.name })}
          {rest.canShare && (
            <Button size="sm" onClick={() => void share(person)}>
              {t('comments.share', { name: person.name })}
            </Button>
          )}
        </p>
      ))}
      {buttons && (
        <div className="comment-buttons">
          <span className="comment-hint">{t('comments.sendKeys')}</span>
          {(onCancel || text.trim() !== '') && (
            <Button size="sm" variant="quiet" onClick={cancel}>
              {t('ui.cancel')}
            </Button>
          )}
          <Button size="sm" variant="primary" disabled={!text.trim()} onClick={submit}>
            {rest.send}
          </Button>
        </div>
      )}
    </div>
  );
}
