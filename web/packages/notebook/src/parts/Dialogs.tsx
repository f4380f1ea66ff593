/** The dialogs of the page; only the open one exists. */
import { Command as Palette } from 'cmdk';
import { lazy, useEffect } from 'react';
import { Button, Dialog, EmptyState, Icon, returnFocus, t } from '@labora/ui';
import { useController, useDocument, useStatus, useStore } from '../model/context';
import { commands, isEnabled } from '../model/commands';
import { showKeys } from '../model/keys';
import { SettingsDialog } from '../private/SettingsDialog';
import { StillCode } from './StillCode';

const SessionsDialog = lazy(async () => ({ default: (await import('@labora/drive/sessions')).SessionsDialog }));
const exchange = () => import('@labora/drive/exchange');
const DownloadDialog = lazy(async () => ({ default: (await exchange()).DownloadDialog }));
const SaveToGitHub = lazy(async () => ({ default: (await exchange()).SaveToGitHub }));
const SaveAsGist = lazy(async () => ({ default: (await exchange()).SaveAsGist }));
const BadgeDialog = lazy(async () => ({ default: (await exchange()).BadgeDialog }));
const AddFieldDialog = lazy(async () => ({ default: (await import('../forms/AddFieldDialog')).AddFieldDialog }));
const AttributesDialog = lazy(async () => ({
  default: (await import('../forms/AttributesDialog')).AttributesDialog,
}));
const ShareDialog = lazy(async () => ({ default: (await import('@labora/drive')).ShareDialog }));

function CommandPalette({ onClose }: { onClose: () => void }) {
  const controller = useController();
  useEffect(() => () => void setTimeout(returnFocus), []);
  return (
    <Palette.Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      label={t('notebook.palette.title')}
      overlayClassName="ui-overlay"
      contentClassName="nb-palette"
    >
      <Palette.Input placeholder={t('notebook.palette.placeholder')} aria-label={t('notebook.palette.placeholder')} />
      <Palette.List>
        <Palette.Empty>{t('notebook.palette.empty')}</Palette.Empty>
        {commands
          .filter((command) => !command.id.startsWith('go.') && isEnabled(command, controller))
          .map((command) => (
            <Palette.Item
              key={command.id}
              value={`${command.title} ${t(`notebook.menus.${groupOf(command.id)}`)}`}
              onSelect={() => {
                onClose();
                // The dialog gives the focus back first; the command may put it elsewhere.
                setTimeout(() => command.run(controller));
              }}
            >
              {command.icon ? <Icon name={command.icon} size={18} /> : <span className="nb-no-icon" />}
              <span>{command.title}</span>
              {command.keys?.[0] && <kbd>{showKeys(command.keys[0])}</kbd>}
            </Palette.Item>
          ))}
      </Palette.List>
    </Palette.Dialog>
  );
}

const groupOf = (id: string): string => (id.split('.')[0] ?? '').replace('run', 'runtime');

function Shortcuts({ onClose }: { onClose: () => void }) {
  const groups = new Map<string, (typeof commands)[number][]>();
  for (const command of commands) {
    if (!command.keys) continue;
    const group = groupOf(command.id);
    groups.set(group, [...(groups.get(group) ?? []), command]);
  }
  const extra: [string, string][] = [
    [t('notebook.shortcuts.complete'), 'Tab, Ctrl+Space'],
    [t('notebook.shortcuts.inspect'), 'Shift+Tab, Ctrl+Shift+Space'],
  ];
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('notebook.shortcuts.title')}
      description={t('notebook.shortcuts.editText')}
      size="lg"
    >
      <div className="nb-shortcuts">
        {[...groups].map(([group, list]) => (
          <section key={group}>
            <h3>{t(`notebook.menus.${group}`)}</h3>
            <dl>
              {list.map((command) => (
                <ShortcutRow
                  key={command.id}
                  title={command.title}
                  keys={(command.keys ?? []).slice(0, 2).map((keys) => showKeys(keys))}
                />
              ))}
            </dl>
          </section>
        ))}
        <section>
          <h3>{t('notebook.shortcuts.edit')}</h3>
          <dl>
            {extra.map(([title, keys]) => (
              <ShortcutRow key={title} title={title} keys={keys.split(', ')} />
            ))}
          </dl>
        </section>
      </div>
    </Dialog>
  );
}

function ShortcutRow({ title, keys }: { title: string; keys: string[] }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>
        {keys.map((one) => (
          <kbd key={one}>{one}</kbd>
        ))}
      </dd>
    </div>
  );
}

function Bin({ onClose }: { onClose: () => void }) {
  const { doc, canEdit } = useController();
  const ids = useDocument('order', doc.deletedIds);
  return (
    <Dialog
      open
      onClose={onClose}
      title={t('notebook.bin.title')}
      description={t('notebook.bin.description')}
      size="lg"
    >
      {ids.length === 0 ? (
        <EmptyState icon="delete" title={t('notebook.bin.empty')} />
      ) : (
        <ul className="nb-bin">
          {ids.map((id) => (
            <li key={id}>
              <StillCode cellId={id} language={doc.cell(id)?.kind === 'code' ? 'python' : ''} near onEdit={() => {}} />
              <Button size="sm" icon="restore_from_trash" disabled={!canEdit} onClick={() => doc.restore([id])}>
                {t('notebook.bin.restore')}
              </Button>
            </li>
          ))}
        </ul>
      )}
    </Dialog>
  );
}

export function Dialogs() {
  const controller = useController();
  const name = useStore(controller.ui.dialog);
  const { file } = useStatus();
  const close = () => controller.ui.dialog.set(null);
  switch (name) {
    case 'palette':
      return <CommandPalette onClose={close} />;
    case 'shortcuts':
      return <Shortcuts onClose={close} />;
    case 'bin':
      return <Bin onClose={close} />;
    case 'sessions':
      return <SessionsDialog onClose={close} />;
    case 'settings':
      return <SettingsDialog onClose={close} />;
    case 'share':
      return file && <ShareDialog file={file} onClose={close} />;
    case 'downloadAs':
      return file && <DownloadDialog file={file} onClose={close} />;
    case 'toGitHub':
      return file && <SaveToGitHub file={file} onClose={close} />;
    case 'toGist':
      return file && <SaveAsGist file={file} onClose={close} />;
    case 'formField':
      return <AddFieldDialog onClose={close} />;
    case 'formAttributes':
      return <AttributesDialog onClose={close} />;
    case 'badge':
      return file && <BadgeDialog file={file} onClose={close} />;
    default:
      return null;
  }
}
