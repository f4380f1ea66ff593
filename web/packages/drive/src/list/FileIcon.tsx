import type { File } from '@labora/api';
import { Icon, type IconName } from '@labora/ui';

function look(file: Pick<File, 'kind' | 'media_type' | 'name' | 'shared'>): [IconName, string] {
  if (file.kind === 'folder') return [file.shared ? 'folder_shared' : 'folder-fill', 'folder'];
  if (file.kind === 'notebook') return ['data_object', 'notebook'];
  const type = file.media_type ?? '';
  if (type.startsWith('image/')) return ['image', 'image'];
  if (/csv|spreadsheet|parquet|tab-separated/.test(type)) return ['table', 'table'];
  if (/zip|tar|compressed|gzip/.test(type)) return ['folder_zip', 'archive'];
  if (/json|javascript|python|x-sh|xml/.test(type)) return ['code', 'code'];
  if (type.startsWith('text/')) return ['description', 'text'];
  return ['draft', 'text'];
}

/** What kind of file it is, by shape and colour. */
export function FileIcon({ file }: { file: Pick<File, 'kind' | 'media_type' | 'name' | 'shared'> }) {
  const [icon, kind] = look(file);
  return (
    <span className={`file-icon file-icon-${kind}`}>
      <Icon name={icon} size={20} />
    </span>
  );
}
