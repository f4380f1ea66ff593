import { t } from '@labora/ui';

/** Rows to come: shown a moment after the page, so that a quick answer never flickers. */
export function ListSkeleton() {
  return (
    <div className="list-skeleton" role="status">
      <span className="ui-hidden">{t('drive.loading')}</span>
      {[62, 44, 71, 38, 55, 48].map((width) => (
        <div key={width}>
          <i />
          <b style={{ width: `${width / 2}%` }} />
        </div>
      ))}
    </div>
  );
}
