/** The page of a file that is not there or not shared: asking for access works the same for both. */
import { useEffect, useState } from 'react';
import { type GivenRole, api, sharing } from '@labora/api';
import { Banner, Button, EmptyState, Icon, Select, TextField, errorText, navigate, t } from '@labora/ui';
import { onNews } from '../notices/live';
import { useAccount } from '../shell/account';
import './messages';
import './share.css';

const wishes: GivenRole[] = ['viewer', 'commenter', 'editor'];

export function NoAccess({ fileId }: { fileId: string }) {
  const account = useAccount();
  const [role, setRole] = useState<GivenRole>('viewer');
  const [message, setMessage] = useState('');
  const [state, setState] = useState<'new' | 'busy' | 'asked'>('new');
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    document.title = t('app.title', { page: t('access.title') });
  }, []);
  useEffect(() => {
    if (state !== 'asked') return;
    // Told something: the answer, perhaps. What may be read now opens by itself.
    return onNews(() => {
      api.file(fileId).then(
        () => location.reload(),
        () => undefined,
      );
    });
  }, [state, fileId]);
  async function ask() {
    setState('busy');
    setError(null);
    try {
      await sharing.ask(fileId, role, message.trim());
      setState('asked');
    } catch (reason) {
      setError(reason);
      setState('new');
    }
  }
  const home = <Button onClick={() => navigate('/')}>{t('app.home')}</Button>;
  if (state === 'asked')
    return (
      <div role="status">
        <EmptyState icon="check_circle" title={t('access.asked')} actions={home}>
          {t('access.askedText')}
        </EmptyState>
      </div>
    );
  return (
    <div className="access">
      <div className="ui-empty">
        <span className="ui-empty-icon">
          <Icon name="lock" size={32} />
        </span>
        <h1>{t('access.title')}</h1>
        <p>
          {t('access.text')} {account && t('access.as', { name: account.name })}
        </p>
      </div>
      <form
        className="access-form"
        onSubmit={(event) => {
          event.preventDefault();
          void ask();
        }}
      >
        {error !== null && <Banner kind="error">{errorText(error)}</Banner>}
        <Select
          label={t('access.role')}
          value={role}
          options={wishes.map((value) => ({ value, label: t(`access.roles.${value}`) }))}
          onChange={setRole}
        />
        <TextField
          label={t('access.message')}
          value={message}
          maxLength={1000}
          autoComplete="off"
          onChange={(event) => setMessage(event.target.value)}
        />
        <div className="access-actions">
          {home}
          <Button type="submit" variant="primary" busy={state === 'busy'}>
            {t('access.ask')}
          </Button>
        </div>
      </form>
    </div>
  );
}
