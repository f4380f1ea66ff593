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
}

/** Where one is; in the trash also what empties it. */
export function PlaceHead({ view, title, way, listing }: PlaceHeadProps) {
  const inTrash = view === 'trash';
  return (
    <>
      <div className="drive-head">
        {way !== undefined && listing.status !== 'failed' ? (
          <Crumbs way={way} />
        ) : (
          <h1 className="ui-truncate">{title}</h1>
        )}
        {inTrash && listing.total > 0 && (
          <Button
            size="sm"
            icon="delete_forever"
            onClick={() => void actions.emptyTrash(listing.total, () => listing.load(0, listing.total))}
          >
            {t('drive.action.emptyTrash')}
          </Button>
        )}
      </div>
      {inTrash && <TrashNote />}
    </>
  );
}
