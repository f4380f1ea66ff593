import type { CSSProperties } from 'react';
import { t } from '@labora/ui';

/** The place of a file that is still on its way. */
export function Hole({ index, style, card = false }: { index: number; style: CSSProperties; card?: boolean }) {
  if (card)
    return (
      <div role="gridcell" className="file-card file-hole" style={style} aria-busy>
        <span className="ui-hidden">{t('drive.loading')}</span>
      </div>
    );
  return (
    <div role="row" aria-rowindex={index + 2} className="file-row file-hole" style={style} aria-busy>
      <div role="gridcell" className="file-name">
        <i />
        <b style={{ width: `${30 + ((index * 37) % 40)}%` }} />
        <span className="ui-hidden">{t('drive.loading')}</span>
      </div>
    </div>
  );
}
