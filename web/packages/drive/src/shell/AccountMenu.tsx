import {
  Avatar,
  Menu,
  type MenuItem,
  type ThemeChoice,
  errorText,
  navigate,
  setTheme,
  t,
  themeChoice,
  toast,
} from '@labora/ui';
import { signOut, useAccount } from './account';

const themes: ThemeChoice[] = ['light', 'dark', 'system'];

function items(isOwner: boolean): MenuItem[] {
  const chosen = themeChoice();
  return [
    { id: 'settings', label: t('account.settings'), icon: 'settings', onSelect: () => navigate('/settings') },
    { id: 'runtimes', label: t('account.runtimes'), icon: 'memory', onSelect: () => navigate('/runtimes') },
    { id: 'groups', label: t('account.groups'), icon: 'group', onSelect: () => navigate('/groups') },
    ...(isOwner
      ? [
          {
            id: 'people',
            label: t('account.people'),
            icon: 'manage_accounts' as const,
            onSelect: () => navigate('/people'),
          },
        ]
      : []),
    {
      id: 'theme',
      label: t('account.theme'),
      icon: 'contrast',
      items: themes.map((theme) => ({
        id: theme,
        label: t(`themes.${theme}`),
        checked: theme === chosen,
        onSelect: () => setTheme(theme),
      })),
    },
    'separator',
    {
      id: 'sign-out',
      label: t('account.signOut'),
      icon: 'logout',
      onSelect: () => void signOut().catch((error: unknown) => toast({ kind: 'error', message: errorText(error) })),
    },
  ];
}

/** The avatar in the corner with the account's menu; nothing while nobody is known to be signed in. */
export function AccountMenu() {
  const account = useAccount();
  if (!account) return null;
  return (
    <Menu
      align="end"
      label={t('account.menu')}
      header={
        <div className="shell-account">
          <Avatar name={account.name} color={account.color} size={36} />
          <div className="shell-account-names">
            <strong className="ui-truncate">{account.name}</strong>
            <span className="ui-truncate">{account.login}</span>
          </div>
        </div>
      }
      items={() => items(account.is_owner)}
      trigger={
        <button type="button" className="shell-avatar" aria-label={t('account.button', { name: account.name })}>
          <Avatar name={account.name} color={account.color} size={32} />
        </button>
      }
    />
  );
}
