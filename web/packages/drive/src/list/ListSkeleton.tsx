import { t } from '@labora/ui';

const WIDTHS = [34, 52, 41, 28, 46, 37];

/** What stands where files will, while they are on their way; it shows only when that takes a moment. */
export function ListSkeleton({ grid = false }: { grid?: boolean }) {
  return (
    <div className={grid ? 'list-skeleton grid-skeleton' : 'list-skeleton'} role="status">
      <span className="ui-hidden">{t('drive.loading')}</span>
      {WIDTHS.map((width, index) => (
        <div key={index}>
          <i />
          <b style={{ width: `${width}%` }} />
        </div>
      ))}
    </div>
  );
}
