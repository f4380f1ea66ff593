/** Building DOM nodes without markup strings, so that no text of an output is ever parsed as HTML. */
import { type AnsiColour, type AnsiStyle, parseAnsi, splitLinks } from './ansi';

type Props = Readonly<Record<string, string | number | boolean | undefined | ((event: Event) => void)>>;

/** Makes an element; `on…` functions become listeners, other values attributes. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}

function paint(element: HTMLElement, property: 'color' | 'background-color', colour: AnsiColour | undefined): void {
  if (colour === undefined) return;
  const exact = typeof colour === 'number' ? `var(--ansi-${colour})` : colour;
  const readable = `color-mix(in srgb, ${exact} var(--lo-colour-kept), var(--text))`;
  element.style.setProperty(property, property === 'color' && typeof colour === 'string' ? readable : exact);
}

/** The element that shows a style, or null for plain text. */
function styled(style: AnsiStyle): HTMLElement | null {
  const names = (['bold', 'dim', 'italic', 'underline', 'strike'] as const).filter((name) => style[name] === true);
  const { fg, bg } = style;
  if (names.length === 0 && fg === undefined && bg === undefined && style.inverse !== true) return null;
  const span = document.createElement('span');
  if (names.length > 0) span.className = names.map((name) => `lo-${name}`).join(' ');
  if (style.inverse === true) {
    span.style.setProperty('color', 'var(--lo-inverse-text)');
    span.style.setProperty('background-color', 'var(--lo-inverse)');
    paint(span, 'color', bg);
    paint(span, 'background-color', fg);
  } else {
    paint(span, 'color', fg);
    paint(span, 'background-color', bg);
  }
  return span;
}

export function link(href: string, text: string): HTMLAnchorElement {
  return h('a', { href, target: '_blank', rel: 'noopener noreferrer' }, text);
}

/** Appends a text with its ANSI styles and links to `parent`; returns the style in force after it. */
export function appendAnsi(parent: HTMLElement, text: string, style: AnsiStyle): AnsiStyle {
  const parsed = parseAnsi(text, style);
  for (const run of parsed.runs) {
    const span = styled(run.style);
    const target = span ?? parent;
    if (run.style.href !== undefined) target.append(link(run.style.href, run.text));
    else
      for (const piece of splitLinks(run.text)) target.append(piece.href ? link(piece.href, piece.text) : piece.text);
    if (span !== null) parent.append(span);
  }
  return parsed.style;
}
