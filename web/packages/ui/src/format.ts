/** Numbers and times as people read them, in the language of the page. */
import { currentLocale, t } from './i18n';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** A size in bytes, with decimal units: 1.2 MB. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toLocaleString(currentLocale(), { maximumFractionDigits: digits })} ${UNITS[unit]}`;
}

const sameDay = (a: Date, b: Date): boolean => a.toDateString() === b.toDateString();

/** When something was: the time today, "Yesterday", the day of this year, or the date. */
export function formatWhen(iso: string | null | undefined, now: Date = new Date()): string {
  if (!iso) return '';
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  const locale = currentLocale();
  if (now.getTime() - date.getTime() < 60_000 && date <= now) return t('ui.justNow');
  if (sameDay(date, now)) return date.toLocaleTimeString(locale, { hour: 'numeric', minute: '2-digit' });
  const yesterday = new Date(now);
  yesterday.setDate(now.getDate() - 1);
  if (sameDay(date, yesterday)) return t('ui.yesterday');
  const year = date.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return date.toLocaleDateString(locale, { day: 'numeric', month: 'short', year });
}

/** The full date and time, for a tooltip. */
export function formatDateTime(iso: string): string {
  return new Date(iso).toLocaleString(currentLocale(), { dateStyle: 'long', timeStyle: 'short' });
}

/** A duration in seconds: 40 ms, 0.4 s, 12 s, 3 min 05 s, 2 h 04 min. */
export function formatDuration(seconds: number): string {
  const locale = currentLocale();
  if (seconds < 0.095) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 9.95) return `${seconds.toLocaleString(locale, { maximumFractionDigits: 1 })} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (value: number) => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}
