/** File → Open recent: the notebooks that were opened last, asked for before the menu needs them. */
import { type File, api } from '@labora/api';
import { type MenuItem, navigate, t } from '@labora/ui';

const SHOWN = 10;
let recent: File[] | null = null;

export async function loadRecent(): Promise<void> {
  try {
    const query = { view: 'recent', q: "mimeType = 'application/x-ipynb+json'", orderBy: 'opened_at desc' } as const;
    recent = (await api.files({ ...query, pageSize: SHOWN + 1 })).files;
  } catch {
    // What was known before stays; the next time may do better.
  }
}

/** The items of the menu, without the notebook that is open. */
export function recentItems(current: string): MenuItem[] {
  const known = recent;
  void loadRecent();
  const files = (known ?? []).filter((file) => file.id !== current).slice(0, SHOWN);
  const items: MenuItem[] = files.map((file) => ({
    id: file.id,
    label: file.name.replace(/\.ipynb$/i, ''),
    icon: 'data_object',
    onSelect: () => navigate(`/drive/${file.id}`),
  }));
  if (files.length === 0)
    items.push({ id: 'none', label: t(known ? 'notebook.recent.none' : 'notebook.recent.loading'), disabled: true });
  const all: MenuItem = {
    id: 'all',
    label: t('notebook.recent.all'),
    icon: 'schedule',
    onSelect: () => navigate('/recent'),
  };
  return [...items, 'separator', all];
}
