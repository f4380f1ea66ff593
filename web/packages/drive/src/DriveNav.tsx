import type { View } from '@labora/api';
import { Button, Icon, IconButton, type IconName, Link, Menu, classes, t } from '@labora/ui';
import { StorageBar } from './StorageBar';
import { type Place, useDropTarget } from './list/drag';
import { type NewActions, newItems } from './newItems';
import { FolderTree } from './tree/FolderTree';
import { setOpen, useTree } from './tree/folders';

const places: [view: View, href: string, icon: IconName][] = [
  ['drive', '/', 'home'],
  ['shared', '/shared', 'group'],
  ['recent', '/recent', 'schedule'],
  ['starred', '/starred', 'star'],
  ['trash', '/trash', 'delete'],
];

/** What dropping files on a place of the navigation does to them. */
function dropOn(view: View): Place | null {
  if (view === 'drive') return { kind: 'folder', id: 'root', name: t('drive.view.drive') };
  return view === 'starred' || view === 'trash' ? { kind: view } : null;
}

function NavPlace({ place, current }: { place: (typeof places)[number]; current: boolean }) {
  const [view, href, icon] = place;
  const drop = useDropTarget(dropOn(view));
  const name = t(`drive.nav.${view}`);
  const open = useTree().open.has('root');
  return (
    <div className={classes('nav-place', drop.over && 'drop-over')} data-place={view} {...drop.handlers}>
      <Link href={href} aria-current={current ? 'page' : undefined} draggable={false}>
        <Icon name={icon} />
        <span>{name}</span>
      </Link>
      {view === 'drive' && (
        <IconButton
          size="sm"
          className="nav-fold"
          icon={open ? 'keyboard_arrow_down' : 'chevron_right'}
          label={t(open ? 'files.tree.fold' : 'files.tree.unfold')}
          aria-expanded={open}
          tooltip={false}
          onClick={() => setOpen('root', !open)}
        />
      )}
    </div>
  );
}

/** The places of the drive and the button that makes something new; a bar at the bottom on a phone. */
export function DriveNav({ view, folderId, items }: { view: View | null; folderId: string | null; items: NewActions }) {
  const tree = useTree();
  return (
    <nav className="drive-nav" aria-label={t('drive.places')}>
      <Menu
        label={t('drive.new.button')}
        items={newItems(items)}
        trigger={
          <Button variant="primary" icon="add" className="drive-new">
            {t('drive.new.button')}
          </Button>
        }
      />
      <ul className="nav-places">
        {places.map((place) => (
          <li key={place[0]}>
            <NavPlace place={place} current={place[0] === view && (place[0] !== 'drive' || folderId === null)} />
            {place[0] === 'drive' && tree.open.has('root') && <FolderTree current={folderId} />}
          </li>
        ))}
      </ul>
      <StorageBar />
    </nav>
  );
}
