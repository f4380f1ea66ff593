import { useSyncExternalStore } from 'react';
import { IconButton } from './Button';
import { Icon } from './Icon';
import { t } from './i18n';

export interface ToastOptions {
  message: string;
  kind?: 'plain' | 'ok' | 'error';
  action?: { label: string; onSelect: () => void };
  /** Milliseconds; an error stays longer, one with an action longest. */
  duration?: number;
}

interface Shown extends ToastOptions {
  id: number;
}

let shown: Shown[] = [];
let count = 0;
const timers = new Map<number, ReturnType<typeof setTimeout>>();
const listeners = new Set<() => void>();

function set(next: Shown[]): void {
  shown = next;
  for (const listener of listeners) listener();
}

function dismiss(id: number): void {
  clearTimeout(timers.get(id));
  timers.delete(id);
  set(shown.filter((toast) => toast.id !== id));
}

function start(toast: Shown): void {
  const usual = toast.action ? 10_000 : toast.kind === 'error' ? 8_000 : 4_000;
  timers.set(
    toast.id,
    setTimeout(() => dismiss(toast.id), toast.duration ?? usual),
  );
}

/** Tells what happened, in the corner, for a while. Returns a function that takes it away. */
export function toast(options: ToastOptions): () => void {
  count += 1;
  const item = { ...options, id: count };
  start(item);
  set([...shown.slice(-2), item]);
  return () => dismiss(item.id);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function hold(): void {
  for (const timer of timers.values()) clearTimeout(timer);
  timers.clear();
}

function release(): void {
  hold();
  for (const item of shown) start(item);
}

/** Where toasts appear; put once in the app. They stay while the pointer or the focus is on them. */
export function Toaster() {
  const list = useSyncExternalStore(subscribe, () => shown);
  return (
    <section
      className="ui-toasts"
      aria-label={t('ui.notifications')}
      onPointerEnter={hold}
      onPointerLeave={release}
      onFocus={hold}
      onBlur={release}
    >
      <div aria-live="polite" aria-relevant="additions">
        {list.map((item) => (
          <div key={item.id} className={`ui-toast ui-toast-${item.kind ?? 'plain'}`}>
            {item.kind === 'error' && <Icon name="error" />}
            {item.kind === 'ok' && <Icon name="check_circle" />}
            <span className="ui-toast-message">{item.message}</span>
            {item.action && (
              <button
                type="button"
                className="ui-toast-action"
                onClick={() => {
                  dismiss(item.id);
                  item.action?.onSelect();
                }}
              >
                {item.action.label}
              </button>
            )}
            <IconButton
              size="sm"
              icon="close"
              label={t('ui.dismiss')}
              tooltip={false}
              onClick={() => dismiss(item.id)}
            />
          </div>
        ))}
      </div>
    </section>
  );
}
