import { useCallback, useEffect, useState } from 'react';
import { type ApiToken, type NewApiToken, type TokenScope, api } from '@labora/api';
import { Banner, Button, Icon, Select, TextField, confirm, errorText, formatWhen, t, toast } from '@labora/ui';
import { CopyField } from './CopyField';

type Scope = 'all' | 'write' | 'read';
type Days = '30' | '90' | '365' | 'never';
const scopes: Record<Scope, TokenScope[]> = { all: ['read', 'write', 'run'], write: ['read', 'write'], read: ['read'] };
const failed = (error: unknown) => toast({ kind: 'error', message: errorText(error) });

/** The API tokens of this account: make one, see when each was used, revoke. */
export function Tokens() {
  const [tokens, setTokens] = useState<ApiToken[] | null>(null);
  const [label, setLabel] = useState('');
  const [scope, setScope] = useState<Scope>('all');
  const [days, setDays] = useState<Days>('90');
  const [made, setMade] = useState<NewApiToken | null>(null);
  const [busy, setBusy] = useState(false);
  const load = useCallback(() => api.tokens().then(setTokens).catch(failed), []);
  useEffect(() => void load(), [load]);

  async function create() {
    setBusy(true);
    try {
      setMade(await api.createToken(label.trim(), scopes[scope], days === 'never' ? null : Number(days)));
      setLabel('');
      await load();
    } catch (error) {
      failed(error);
    }
    setBusy(false);
  }

  async function revoke(token: ApiToken) {
    const agreed = await confirm({
      title: t('settings.tokenRevokeTitle', { name: token.label }),
      message: t('settings.tokenRevokeText'),
      action: t('settings.revoke'),
      danger: true,
    });
    if (!agreed) return;
    await api.deleteToken(token.id).catch(failed);
    if (made?.id === token.id) setMade(null);
    await load();
  }

  return (
    <>
      <form
        className="settings-form"
        onSubmit={(event) => {
          event.preventDefault();
          void create();
        }}
      >
        <TextField
          label={t('settings.tokenLabel')}
          placeholder={t('settings.tokenPlaceholder')}
          value={label}
          autoComplete="off"
          onChange={(event) => setLabel(event.target.value)}
        />
        <div className="settings-pair">
          <Select
            label={t('settings.tokenMay')}
            value={scope}
            options={(['all', 'write', 'read'] as const).map((value) => ({
              value,
              label: t(`settings.scope.${value}`),
            }))}
            onChange={setScope}
          />
          <Select
            label={t('settings.tokenExpires')}
            value={days}
            options={[
              { value: '30', label: t('settings.days', { count: 30 }) },
              { value: '90', label: t('settings.days', { count: 90 }) },
              { value: '365', label: t('settings.year') },
              { value: 'never', label: t('settings.never') },
            ]}
            onChange={setDays}
          />
        </div>
        <Button type="submit" icon="key" busy={busy} disabled={!label.trim()}>
          {t('settings.tokenCreate')}
        </Button>
      </form>
      {made && (
        <Banner kind="ok" title={made.label}>
          <p>{t('settings.tokenOnce')}</p>
          <CopyField label={made.label} value={made.secret} />
        </Banner>
      )}
      <ul className="rows">
        {tokens?.map((token) => (
          <li key={token.id}>
            <Icon name="key" className="rows-icon" />
            <div className="rows-main">
              <strong className="ui-truncate">{token.label}</strong>
              <span className="rows-note">
                {token.last_used_at
                  ? t('settings.tokenUsed', { when: formatWhen(token.last_used_at) })
                  : t('settings.tokenUnused')}
                {', '}
                {token.expires_at
                  ? t('settings.tokenEnds', { when: formatWhen(token.expires_at) })
                  : t('settings.tokenEndless')}
              </span>
            </div>
            <Button
              size="sm"
              aria-label={t('settings.tokenRevoke', { name: token.label })}
              onClick={() => void revoke(token)}
            >
              {t('settings.revoke')}
            </Button>
          </li>
        ))}
        {tokens?.length === 0 && <li className="rows-note">{t('settings.tokenNone')}</li>}
      </ul>
    </>
  );
}
