import { Dialog as Radix } from 'radix-ui';
import { type FormEvent, type ReactNode, useRef, useState, useSyncExternalStore } from 'react';
import { Button, IconButton } from './Button';
import { TextField } from './Field';
import { returnFocus } from './focus';
import { t } from './i18n';

export interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  description?: ReactNode;
  children?: ReactNode;
  /** The buttons; the one that acts comes last. */
  footer?: ReactNode;
  size?: 'sm' | 'md' | 'lg';
  /** Given: the dialog is a form, and Enter sends it. */
  onSubmit?: () => void;
}

/** A body that scrolls and holds nothing that takes the focus takes it itself: the keyboard then scrolls it. */
function reachable(body: HTMLElement | null): void {
  if (body && body.scrollHeight > body.clientHeight && !body.querySelector('a, button, input, select, textarea'))
    body.tabIndex = 0;
}

export function Dialog({ open, onClose, title, description, children, footer, size = 'md', onSubmit }: DialogProps) {
  const opener = useRef<Element | null>(null);
  const body = (
    <>
      <div className="ui-dialog-header">
        <Radix.Title className="ui-dialog-title">{title}</Radix.Title>
        <Radix.Close asChild>
          <IconButton icon="close" label={t('ui.close')} tooltip={false} />
        </Radix.Close>
      </div>
      <div className="ui-dialog-body" ref={reachable}>
        {description && <Radix.Description className="ui-dialog-description">{description}</Radix.Description>}
        {children}
      </div>
      {footer && <div className="ui-dialog-footer">{footer}</div>}
    </>
  );
  function send(event: FormEvent) {
    event.preventDefault();
    event.stopPropagation();
    onSubmit?.();
  }
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="ui-overlay" />
        <Radix.Content
          className={`ui-dialog ui-dialog-${size}`}
          onOpenAutoFocus={(event) => {
            opener.current = document.activeElement;
            // The first field is where the work starts; the button that closes, first in the order, is not.
            const first = (event.currentTarget as HTMLElement).querySelector<HTMLElement>(
              '[data-autofocus], .ui-dialog-body input',
            );
            if (!first) return;
            event.preventDefault();
            first.focus();
          }}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            returnFocus(opener.current);
          }}
          {...(description ? {} : { 'aria-describedby': undefined })}
        >
          {onSubmit ? (
            <form className="ui-dialog-form" onSubmit={send}>
              {body}
            </form>
          ) : (
            body
          )}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface Question {
  id: number;
  title: string;
  message?: string;
  action: string;
  danger?: boolean;
  /** Given: asks for a line of text. */
  field?: { label: string; value: string; select?: [number, number] };
  answer: (value: string | null) => void;
}

let question: Question | null = null;
let count = 0;
const listeners = new Set<() => void>();

function ask(next: Omit<Question, 'id' | 'answer'>): Promise<string | null> {
  question?.answer(null);
  return new Promise((resolve) => {
    count += 1;
    question = { ...next, id: count, answer: resolve };
    for (const listener of listeners) listener();
  });
}

/** Asks before something that cannot be undone; true when the person agrees. */
export async function confirm(ask_: {
  title: string;
  message?: string;
  action: string;
  danger?: boolean;
}): Promise<boolean> {
  return (await ask(ask_)) !== null;
}

/** Asks for one line of text; null when the person gives up. `select` is the range that is selected at first. */
export async function prompt(ask_: {
  title: string;
  label: string;
  value?: string;
  action: string;
  select?: [number, number];
}): Promise<string | null> {
  const { label, value = '', select, ...rest } = ask_;
  return ask({ ...rest, field: { label, value, ...(select ? { select } : {}) } });
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function Asked({ asked }: { asked: Question }) {
  const [value, setValue] = useState(asked.field?.value ?? '');
  function close(answer: string | null) {
    question = null;
    for (const listener of listeners) listener();
    asked.answer(answer);
  }
  const submit = () => {
    if (!asked.field) close('');
    else if (value.trim()) close(value.trim());
  };
  return (
    <Dialog
      open
      size="sm"
      title={asked.title}
      description={asked.message}
      onClose={() => close(null)}
      onSubmit={submit}
      footer={
        <>
          <Button onClick={() => close(null)}>{t('ui.cancel')}</Button>
          <Button
            type="submit"
            variant={asked.danger ? 'danger' : 'primary'}
            data-autofocus={asked.field ? undefined : ''}
          >
            {asked.action}
          </Button>
        </>
      }
    >
      {asked.field && (
        <TextField
          label={asked.field.label}
          value={value}
          onChange={(event) => setValue(event.target.value)}
          onFocus={(event) => {
            const [from, to] = asked.field?.select ?? [0, event.target.value.length];
            event.target.setSelectionRange(from, to);
          }}
          autoComplete="off"
          spellCheck={false}
        />
      )}
    </Dialog>
  );
}

/** Where `confirm` and `prompt` appear; put once in the app. */
export function Questions() {
  const asked = useSyncExternalStore(subscribe, () => question);
  return asked && <Asked key={asked.id} asked={asked} />;
}
