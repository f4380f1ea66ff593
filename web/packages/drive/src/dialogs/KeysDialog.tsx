import { Button, Dialog, t } from '@labora/ui';
import './dialogs.css';

const KEYS: [keys: string, name: string][] = [
  ['/', 'search'],
  ['↑ ↓ ← →', 'go'],
  ['Enter', 'open'],
  ['Alt+↑', 'up'],
  ['Space', 'choose'],
  ['Shift+↑ ↓', 'extend'],
  ['Ctrl+Space', 'toggle'],
  ['Ctrl+A', 'all'],
  ['Esc', 'none'],
  ['F2', 'rename'],
  ['Delete', 'trash'],
  ['Ctrl+C', 'copy'],
  ['Ctrl+X', 'cut'],
  ['Ctrl+V', 'paste'],
  ['Shift+F10', 'menu'],
  ['I', 'details'],
  ['A … Z', 'type'],
  ['?', 'help'],
];

const mac = /Mac|iPhone|iPad/.test(navigator.platform);

/** All keys of the drive. */
export function KeysDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog
      open
      size="lg"
      onClose={onClose}
      title={t('files.keys.title')}
      footer={<Button onClick={onClose}>{t('ui.close')}</Button>}
    >
      <dl className="keys">
        {KEYS.map(([keys, name]) => (
          <div key={name}>
            <dt>
              <kbd>{mac ? keys.replace('Ctrl', '⌘').replace('Alt', '⌥') : keys}</kbd>
            </dt>
            <dd>{t(`files.keys.${name}`)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
