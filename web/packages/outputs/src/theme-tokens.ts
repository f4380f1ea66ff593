/** The page's theme as values that a frame of another origin can apply. */
import { type FrameTheme } from './core/protocol';

const COLOURS = [
  'bg', 'surface', 'surface-2', 'surface-3', 'border', 'border-strong', 'text', 'text-2', 'text-3', 'text-on-accent', 'accent', 'accent-hover',
  'accent-soft', 'accent-text', 'focus', 'selection', 'ok', 'ok-soft', 'warn', 'warn-soft', 'error', 'error-soft', 'info', 'info-soft',
  'code-bg', 'code-keyword', 'code-string', 'code-number', 'code-comment', 'code-function', 'code-builtin', 'code-operator',
]; // prettier-ignore
const OTHERS = [
  'font-ui', 'font-code', 'text-xs', 'text-sm', 'text-md', 'text-lg', 'text-xl', 'text-2xl', 'radius-sm', 'radius-md',
  'space-1', 'space-2', 'space-3', 'space-4', 'duration',
]; // prettier-ignore

/** Reads the tokens in force on the page. */
export function frameTheme(name: 'light' | 'dark'): FrameTheme {
  const style = getComputedStyle(document.documentElement);
  const tokens: Record<string, string> = {};
  for (const token of [...COLOURS, ...OTHERS]) {
    const value = style.getPropertyValue(`--${token}`).trim();
    if (value !== '') tokens[`--${token}`] = value;
  }
  return { name, tokens };
}
