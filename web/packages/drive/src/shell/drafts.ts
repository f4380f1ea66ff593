/** What was written and not sent: kept in this browser until it is sent, given up, or its writer signs out. */
import { onSignOut } from './account';

const PREFIX = 'labora.draft.';

export function readDraft(key: string): string {
  try {
    return localStorage.getItem(PREFIX + key) ?? '';
  } catch {
    return '';
  }
}

export function keepDraft(key: string, text: string): void {
  try {
    if (text) localStorage.setItem(PREFIX + key, text);
    else localStorage.removeItem(PREFIX + key);
  } catch {
    // Without storage a draft lives as long as the page.
  }
}

onSignOut(() => {
  for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) localStorage.removeItem(key);
});
