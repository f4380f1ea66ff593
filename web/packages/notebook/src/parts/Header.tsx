/** Name, save state, people, sharing and the menus. */
import { type KeyboardEvent, useRef, useState, useSyncExternalStore } from 'react';
import { NoticeBell } from '@labora/drive/shell';
import { Avatar, Button, Icon, IconButton, type IconName, Link, Logo, Menu, Menubar, t, Tooltip } from '@labora/ui';
import type { SaveState } from '@labora/document';
import { SecretsButton } from '../secrets/SecretsButton';
import { CommentsButton } from '../comments/CommentsButton';
import { useController, useStatus } from '../model/context';
import { menus, renameNotebook } from '../model/commands';
import { OmittedLabel } from '../private/OmittedLabel';
import { menuItems } from './menu-items';

const saveIcons: Record<SaveState, IconName> = {
  loading: 'sync',
  saved: 'cloud_done',
  saving: 'cloud_sync',
  offline: 'cloud_off',
  'read-only': 'lock',
  'storage-full': 'error',
};

export function SaveLabel() {
  const { save, unsaved } = useStatus();
  const label =
    save === 'offline' && unsaved > 0
      ? t('notebook.save.offlineUnsaved', { count: unsaved })
      : t(`notebook.save.${save}`);
  return (
    <Tooltip label={t(`notebook.saveHelp.${save}`)}>
      <span className={`nb-save nb-save-${save}`} role="status" data-save={save}>
        <Icon name={saveIcons[save]} size={18} />
        <span>{label}</span>
      </span>
    </Tooltip>
  );
}

const SUFFIX = /\.ipynb$/i;
const shownName = (name: string): string => name.replace(SUFFIX, '') || name;

function Title() {
  const controller = useController();
  const { file, abilities } = useStatus();
  const name = shownName(file?.name ?? '');
  // What is being typed, or waits for the server's answer; null shows the name as it is.
  const [typed, setTyped] = useState<string | null>(null);
  const giveUp = useRef(false);
  function keys(event: KeyboardEvent<HTMLInputElement>) {
    // Within a composition these keys belong to the input method.
    if (event.nativeEvent.isComposing || (event.key !== 'Enter' && event.key !== 'Escape')) return;
    giveUp.current = event.key === 'Escape';
    event.currentTarget.blur();
  }
  async function rename() {
    const value = giveUp.current ? '' : (typed ?? '').trim();
    giveUp.current = false;
    if (value && value !== name) {
      // The ending is not shown, so that leaving it out keeps it.
      const ending = SUFFIX.test(value) ? '' : (SUFFIX.exec(file?.name ?? '')?.[0] ?? '');
      await renameNotebook(controller, value + ending);
    }
    setTyped(null);
  }
  return (
    <h1 className="nb-title">
      <span className="nb-title-sizer" aria-hidden="true">
        {typed ?? name}
      </span>
      <input
        aria-label={t('notebook.titleLabel')}
        value={typed ?? name}
        readOnly={!abilities.includes('rename')}
        spellCheck={false}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={keys}
        onBlur={() => void rename()}
      />
    </h1>
  );
}

function People() {
  const { people } = useController();
  const everybody = useSyncExternalStore(people.onPeople, people.everybody);
  return (
    <div className="nb-people">
      {everybody.slice(0, 5).map(({ account }) => (
        <Tooltip key={account.id} label={account.name}>
          <span role="img" aria-label={account.name}>
            <Avatar name={account.name} color={account.color} />
          </span>
        </Tooltip>
      ))}
    </div>
  );
}

export function Header() {
  const controller = useController();
  const { abilities } = useStatus();
  const bar = menus.map(({ id, items }) => ({
    id,
    label: t(`notebook.menus.${id}`),
    items: () => menuItems(controller, items),
  }));
  return (
    <div className="nb-header">
      <Link href="/" className="nb-home" aria-label={t('notebook.home')}>
        <Logo size={32} />
      </Link>
      <div className="nb-heading">
        <div className="nb-heading-top">
          <Title />
          <SaveLabel />
          <OmittedLabel />
        </div>
        <div className="nb-menubar">
          <Menubar label={t('notebook.menuBar')} menus={bar} />
        </div>
      </div>
      <div className="nb-header-end">
        <People />
        <NoticeBell />
        <CommentsButton />
        <SecretsButton />
        {abilities.includes('share') && (
          <Button
            icon="person_add"
            variant="secondary"
            aria-label={t('notebook.share')}
            onClick={() => controller.ui.dialog.set('share')}
          >
            <span className="nb-wide">{t('notebook.share')}</span>
          </Button>
        )}
        <div className="nb-narrow">
          <Menu
            align="end"
            items={bar}
            inPlace
            returnFocus={false}
            trigger={<IconButton icon="menu" label={t('notebook.menuBar')} tooltip={false} />}
          />
        </div>
      </div>
    </div>
  );
}
