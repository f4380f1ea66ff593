import { hasMessage, t } from './i18n';

/** What to tell a person about a failure: the catalogue's words for its code, else the server's own sentence. */
export function errorText(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code === 'string') {
    if (hasMessage(`errors.${code}`)) return t(`errors.${code}`);
    if (typeof message === 'string' && message) return message;
  }
  return t('errors.unknown');
}
