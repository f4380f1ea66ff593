import type { ReactNode } from 'react';
import { Link, Logo, t } from '@labora/ui';
import { NoticeBell } from '../notices/NoticeBell';
import { AccountMenu } from './AccountMenu';
import './shell.css';

/** The bar on top of every page but the notebook's: the way home, the page's own part, the account. */
export function TopBar({ children }: { children?: ReactNode }) {
  return (
    <header className="shell-bar">
      <Link href="/" className="shell-home" aria-label={`${t('app.name')}: ${t('app.home')}`}>
        <Logo wordmark />
      </Link>
      <div className="shell-bar-middle">{children}</div>
      <NoticeBell />
      <AccountMenu />
    </header>
  );
}
