import type { File } from '@labora/api';
import { Icon, type IconName, t } from '@labora/ui';

type Shown = Pick<File, 'kind' | 'media_type' | 'name' | 'shared'> & { target?: File['target'] };

function look(file: Shown): [IconName, string] {
  if (file.kind === 'shortcut') {
    if (!file.target || file.target.trashed) return ['link_off', 'broken'];
    return look({ ...file, ...file.target, shared: false, target: null });
  }
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

/** What kind of file it is, by shape and colour; a shortcut shows what it leads to, with an arrow. */
export function FileIcon({ file, size = 20 }: { file: Shown; size?: number }) {
  const [icon, kind] = look(file);
  return (
    <span className={`file-icon file-icon-${kind}`}>
      <Icon name={icon} size={size} />
      {file.kind === 'shortcut' && kind !== 'broken' && (
        <span className="file-arrow">
          <Icon name="arrow_outward" size={12} />
        </span>
      )}
    </span>
  );
}

/** What kind of file it is, in words. */
export function kindName(file: Pick<File, 'kind' | 'media_type' | 'target'>): string {
  if (file.kind !== 'file') {
    if (file.kind === 'shortcut' && (!file.target || file.target.trashed)) return t('files.kind.broken');
    return t(`files.kind.${file.kind}`);
  }
  return file.media_type || t('file.unknownType');
}
