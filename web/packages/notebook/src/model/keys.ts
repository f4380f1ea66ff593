/** From key presses to commands, with two-stroke shortcuts. */
import { type Command, commands, isEnabled } from './commands';
import type { NotebookController } from './controller';

const isMac = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.platform);
const CHORD_MS = 2500;

/** A key press in the words of a shortcut: "Mod+Shift+Enter". */
export function strokeOf(
  event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey'>,
  mac = isMac,
): string {
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  // The shift of a sign that needs it (`/` on some keyboards) is part of the sign.
  const shift = event.shiftKey && (event.key.length > 1 || /[A-Z]/.test(key));
  const modified = event.ctrlKey || (mac && event.metaKey);
  return [modified && 'Mod', event.altKey && 'Alt', shift && 'Shift', key].filter(Boolean).join('+');
}

/** A shortcut as it is shown. */
export function showKeys(keys: string, mac = isMac): string {
  const words: Record<string, string> = {
    ArrowUp: '↑',
    ArrowDown: '↓',
    Mod: mac ? '⌘' : 'Ctrl',
    Shift: mac ? '⇧' : 'Shift',
  };
  return keys
    .split(' ')
    .map((stroke) =>
      stroke
        .split('+')
        .map((part) => words[part] ?? part)
        .join(mac ? '' : '+'),
    )
    .join(' ');
}

const strokes = new Map<string, Command[]>();
const prefixes = new Set<string>();
for (const command of commands) {
  for (const keys of command.keys ?? []) {
    strokes.set(keys, [...(strokes.get(keys) ?? []), command]);
    const space = keys.indexOf(' ');
    if (space > 0) prefixes.add(keys.slice(0, space));
  }
}

type Place = 'editor' | 'field' | 'page';

function placeOf(target: EventTarget | null): Place {
  if (!(target instanceof Element)) return 'page';
  if (target.closest('.cm-content')) return 'editor';
  return target.closest('input, textarea, select, [contenteditable="true"]') ? 'field' : 'page';
}

/** Listens on the window, before an editor sees the key; returns how to stop. */
export function listenForKeys(controller: NotebookController): () => void {
  const { chord } = controller.ui;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function take(event: KeyboardEvent): void {
    event.preventDefault();
    event.stopPropagation();
  }

  function perform(keys: string, place: Place): boolean {
    for (const command of strokes.get(keys) ?? []) {
      if (command.mode === 'command' && place !== 'page' && !keys.includes(' ')) continue;
      if (command.mode === 'command' && keys === 'Mod+C' && !getSelection()?.isCollapsed) continue;
      if (isEnabled(command, controller)) command.run(controller);
      return true;
    }
    return false;
  }

  function onKey(event: KeyboardEvent): void {
    if (event.isComposing || ['Control', 'Shift', 'Alt', 'Meta'].includes(event.key)) return;
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest('[role="dialog"], [role="menu"], .comment-composer')) return;
    const place = placeOf(target);
    const stroke = strokeOf(event);
    const first = chord.get();
    if (first !== null) {
      clearTimeout(timer);
      chord.set(null);
      take(event);
      // The second key counts with or without the modifier still held.
      const second = stroke.replace(/^(Mod\+|Shift\+)+/, '');
      if (event.key !== 'Escape') perform(`${first} ${second}`, place);
      return;
    }
    if (prefixes.has(stroke) && place !== 'field') {
      take(event);
      chord.set(stroke);
      timer = setTimeout(() => chord.set(null), CHORD_MS);
      return;
    }
    const simple = !/Mod|Alt/.test(stroke) && !/^F\d/.test(event.key) && stroke !== 'Shift+Enter';
    if (place === 'field' && (simple || stroke === 'Shift+Enter')) return;
    if (place === 'page' && event.key === 'Enter' && simple && target?.closest('button, a, summary, [role="button"]'))
      return;
    if (place === 'editor' && simple) return;
    // Plain keys act on cells only while the cells, or nothing, have the focus.
    if (simple && target && target !== document.body && !target.closest('.nb-cells')) return;
    if (perform(stroke, place)) take(event);
  }

  addEventListener('keydown', onKey, true);
  return () => {
    clearTimeout(timer);
    removeEventListener('keydown', onKey, true);
  };
}
