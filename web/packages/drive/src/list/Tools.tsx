/** The bar over the files: what can be done with the chosen ones, else how many there are and how they are shown. */
import type { Ability, File } from '@labora/api';
import { IconButton, Menu, type MenuItem, classes, t } from '@labora/ui';
import type { DateKey } from './Entry';
import { type Sort, type SortKey, dateName, nextSort } from './Heads';
import * as actions from './actions';
import type { Layout } from './layout';
import type { Chosen } from './useSelection';

export interface ToolsProps {
  total: number | null;
  chosen: Chosen;
  layout: Layout;
  onLayout: (layout: Layout) => void;
  details: boolean;
  onDetails: () => void;
  date: DateKey;
  sort: Sort;
  onSort: (sort: Sort) => void;
  menu: (files: File[]) => MenuItem[];
  share: (file: File) => void;
  move: (files: File[]) => void;
}

function Verbs({ chosen: { files }, date, menu, share, move }: ToolsProps) {
  const [first] = files;
  const inTrash = date === 'trashed_at';
  const can = (ability: Ability) => files.every((file) => file.abilities.includes(ability));
  const starred = files.every((file) => file.starred);
  return (
    <>
      {inTrash ? (
        <>
          <IconButton
            size="sm"
            icon="restore_from_trash"
            label={t('drive.action.restore')}
            disabled={!can('trash')}
            onClick={() => void actions.restore(files)}
          />
          <IconButton
            size="sm"
            icon="delete_forever"
            label={t('drive.action.deleteForEver')}
            keys="Del"
            disabled={!can('delete')}
            onClick={() => void actions.deleteForEver(files)}
          />
        </>
      ) : (
        <>
          <IconButton
            size="sm"
            icon="person_add"
            className="drive-wide"
            label={t('drive.action.share')}
            disabled={files.length !== 1 || !can('share') || first?.kind === 'shortcut'}
            onClick={() => first && share(first)}
          />
          <IconButton
            size="sm"
            icon="download"
            className="drive-wide"
            label={t('drive.action.download')}
            disabled={!can('download')}
            onClick={() => actions.download(files)}
          />
          <IconButton
            size="sm"
            icon="drive_file_move"
            label={t('drive.action.move')}
            disabled={!can('move')}
            onClick={() => move(files)}
          />
          <IconButton
            size="sm"
            icon={starred ? 'star-fill' : 'star'}
            label={t(starred ? 'drive.action.unstar' : 'drive.action.star')}
            onClick={() => void actions.star(files, !starred)}
          />
          <IconButton
            size="sm"
            icon="delete"
            label={t('drive.action.trash')}
            keys="Del"
            disabled={!can('trash')}
            onClick={() => void actions.trash(files)}
          />
        </>
      )}
      <Menu
        label={t('files.more')}
        returnFocus={false}
        items={() => menu(files)}
        trigger={<IconButton size="sm" icon="more_vert" label={t('files.more')} tooltip={false} />}
      />
    </>
  );
}

function SortMenu({ date, sort, onSort }: Pick<ToolsProps, 'date' | 'sort' | 'onSort'>) {
  const columns: [SortKey, string][] = [
    ['name', 'name'],
    [date, dateName(date)],
    ['size', 'size'],
  ];
  return (
    <Menu
      align="end"
      label={t('files.sort')}
      items={[
        ...columns.map(([key, name]) => ({
          id: key,
          label: t(`drive.column.${name}`),
          checked: sort.key === key,
          onSelect: () => sort.key !== key && onSort(nextSort(sort, key)),
        })),
        'separator',
        {
          id: 'turn',
          label: t('files.turn'),
          icon: sort.descending ? 'arrow_upward' : 'arrow_downward',
          onSelect: () => onSort({ ...sort, descending: !sort.descending }),
        },
      ]}
      trigger={<IconButton size="sm" icon="sort" label={t('files.sort')} tooltip={false} />}
    />
  );
}

export function Tools(props: ToolsProps) {
  const { total, chosen, layout, onLayout, details, onDetails } = props;
  const count = chosen.files.length;
  const other = layout === 'list' ? 'grid' : 'list';
  return (
    <div className="drive-tools" data-chosen={count > 0 || undefined} role="toolbar" aria-label={t('files.tools')}>
      {count > 0 && <IconButton size="sm" icon="close" label={t('files.clear')} keys="Esc" onClick={chosen.none} />}
      <span className={classes('drive-count', count === 0 && 'drive-count-all')} role="status">
        {count > 0 ? t('files.chosen', { count }) : total === null ? '' : t('files.total', { count: total })}
      </span>
      {count > 0 && <Verbs {...props} />}
      <span className="drive-space" />
      <span className="drive-looks">
        <SortMenu {...props} />
        <IconButton
          size="sm"
          icon={other === 'grid' ? 'grid_view' : 'view_list'}
          label={t(`files.layout.${other}`)}
          onClick={() => onLayout(other)}
        />
      </span>
      <IconButton
        size="sm"
        icon="info"
        label={t(details ? 'files.details.hide' : 'files.details.show')}
        keys="I"
        pressed={details}
        onClick={onDetails}
      />
    </div>
  );
}
