import { Icon, classes, t } from '@labora/ui';
import type { DateKey } from './Entry';

export type SortKey = 'name' | 'modified_at' | 'size' | 'trashed_at' | 'opened_at' | 'created_at';
export interface Sort {
  key: SortKey;
  descending: boolean;
}

/** The order after choosing a key: names begin with A, dates and sizes with the latest and largest; again turns it. */
export const nextSort = (sort: Sort, key: SortKey): Sort => ({
  key,
  descending: key === sort.key ? !sort.descending : key !== 'name',
});

const DATES: Record<DateKey, string> = { modified_at: 'modified', opened_at: 'opened', trashed_at: 'trashed' };
export const dateName = (date: DateKey): string => DATES[date];

interface HeadProps {
  name: string;
  column: SortKey | null;
  sort: Sort;
  onSort: (sort: Sort) => void;
}

function Head({ name, column, sort, onSort }: HeadProps) {
  const on = column === sort.key;
  return (
    <div
      role="columnheader"
      aria-sort={on ? (sort.descending ? 'descending' : 'ascending') : undefined}
      className={`head-${name}`}
    >
      {column ? (
        <button
          type="button"
          className={classes('head-button', on && 'head-on')}
          onClick={() => onSort(nextSort(sort, column))}
        >
          {t(`drive.column.${name}`)}
          {on && <Icon name={sort.descending ? 'arrow_downward' : 'arrow_upward'} size={16} />}
        </button>
      ) : (
        t(`drive.column.${name}`)
      )}
    </div>
  );
}

/** The heads of the columns, by which the list is sorted. */
export function Heads({ date, sort, onSort }: { date: DateKey; sort: Sort; onSort: (sort: Sort) => void }) {
  return (
    <div role="rowgroup">
      <div role="row" aria-rowindex={1} className="file-head">
        <Head name="name" column="name" sort={sort} onSort={onSort} />
        <Head name="owner" column={null} sort={sort} onSort={onSort} />
        <Head name={dateName(date)} column={date} sort={sort} onSort={onSort} />
        <Head name="size" column="size" sort={sort} onSort={onSort} />
        <div role="columnheader" className="head-more">
          <span className="ui-hidden">{t('drive.column.more')}</span>
        </div>
      </div>
    </div>
  );
}
