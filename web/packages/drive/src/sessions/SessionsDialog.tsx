import { Button, Dialog, t } from '@labora/ui';
import { Sessions } from './Sessions';

/** The account's runtimes over the page at hand. */
export function SessionsDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog
      open
      size="lg"
      title={t('sessions.title')}
      description={t('sessions.intro')}
      onClose={onClose}
      footer={<Button onClick={onClose}>{t('ui.done')}</Button>}
    >
      <Sessions />
    </Dialog>
  );
}
