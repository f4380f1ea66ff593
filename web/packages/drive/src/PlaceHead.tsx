import { useState } from 'react';
import type { View } from '@labora/api';
import { Button, t } from '@labora/ui';
import { Crumbs, type Way } from './Crumbs';
import * as actions from './list/actions';
import type { Listing } from './list/useListing';
import { TrashNote } from './storage/StorageBanner';

export interface PlaceHeadProps {
  view: View;
  title: string;
  /** The way to a folder of the drive; undefined elsewhere. */
  way: Way | null | undefined;
  listing: Listing;
  q: string;
}

/** Where one is; in the trash also what empties it. */
export function PlaceHead({ view, title, way, listing, q }: PlaceHeadProps) {
  const inTrash = view === 'trash';
  const [busy, setBusy] = useState(false);
  async function empty() {
    setBusy(true);
    await actions.emptyTrash(listing.total);
    setBusy(false);
  }
  return (
    <>
      <div className="drive-head">
        {way !== undefined && listing.status !== 'failed' ? (
          <Crumbs way={way} />
        ) : (
          <h1 className="ui-truncate">{title}</h1>
        )}
        {/* Among matches only, nobody sees what all would go. */}
        {inTrash && q === '' && listing.total > 0 && (
          <Button size="sm" icon="delete_forever" busy={busy} onClick={() => void empty()}>
            {t('drive.action.emptyTrash')}
          </Button>
        )}
      </div>
      {inTrash && <TrashNote />}
    </>
  );
}
