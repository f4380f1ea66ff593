import { Button, navigate, t } from '@labora/ui';
import { SignPage } from './SignPage';

/** A one-time link that no longer works, and whom to ask for another. */
export function DeadLink({ kind }: { kind: 'setup' | 'invite' | 'reset' }) {
  return (
    <SignPage title={t('sign.deadLink')} intro={t(`${kind}.dead`)} onSubmit={() => navigate('/login')}>
      <Button type="submit" variant="primary">
        {t('sign.toLogin')}
      </Button>
    </SignPage>
  );
}
