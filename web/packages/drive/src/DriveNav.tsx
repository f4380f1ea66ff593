import type { View } from '@labora/api';
import { Button, Icon, type IconName, Link, Menu, navigate, t } from '@labora/ui';

export interface NewActions {
  notebook: () => void;
  folder: () => void;
  upload: () => void;
}

const places: [view: View, href: string, icon: IconName][] = [
  ['drive', '/', 'home'],
  ['shared', '/shared', 'group'],
  ['recent', '/recent', 'schedule'],
  ['trash', '/trash', 'delete'],
];

/** The places of the drive and the button that makes something new; a bar at the bottom on a phone. */
export function DriveNav({ view, create }: { view: View | null; create: NewActions }) {
  return (
    <nav className="drive-nav" aria-label={t('drive.places')}>
      <Menu
        label={t('drive.new.button')}
        items={[
          { id: 'notebook', label: t('drive.new.notebook'), icon: 'data_object', onSelect: create.notebook },
          { id: 'folder', label: t('drive.new.folder'), icon: 'create_new_folder', onSelect: create.folder },
          'separator',
          { id: 'upload', label: t('drive.new.upload'), icon: 'upload_file', onSelect: create.upload },
          { id: 'import', label: t('drive.new.import'), icon: 'cloud_download', onSelect: () => navigate('/url') },
        ]}
        trigger={
          <Button variant="primary" icon="add" className="drive-new">
            {t('drive.new.button')}
          </Button>
        }
      />
      <ul>
        {places.map(([place, href, icon]) => (
          <li key={place}>
            <Link href={href} aria-current={place === view ? 'page' : undefined}>
              <Icon name={icon} />
              <span>{t(`drive.nav.${place}`)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
