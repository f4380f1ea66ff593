import { useEffect } from 'react';
import { Everyone, History, Sessions } from '@labora/drive/sessions';
import { TopBar, useAccount } from '@labora/drive/shell';
import { t } from '@labora/ui';
import './settings.css';

/** What runs for this account, what has run, and, for the owner, what runs for everyone. */
export function RuntimesPage() {
  const me = useAccount();
  useEffect(() => {
    document.title = t('app.title', { page: t('sessions.title') });
  }, []);
  return (
    <>
      <TopBar />
      <main className="settings" id="main" tabIndex={-1}>
        <h1>{t('sessions.title')}</h1>
        <p className="settings-text">{t('sessions.intro')}</p>
        <section className="settings-body">
          <h2 className="settings-heading">{t('sessions.now')}</h2>
          <Sessions />
        </section>
        <section>
          <h2 className="settings-heading">{t('sessions.history.title')}</h2>
          <History />
        </section>
        {me?.is_owner && (
          <section>
            <h2 className="settings-heading">{t('sessions.everyone.title')}</h2>
            <p className="settings-text">{t('sessions.everyone.intro')}</p>
            <Everyone />
          </section>
        )}
      </main>
    </>
  );
}
