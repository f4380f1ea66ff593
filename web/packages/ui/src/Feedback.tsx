import type { ReactNode } from 'react';
import { Icon, type IconName } from './Icon';
import { classes } from './classes';

/** Something is under way; give `label` where no text beside it says so. */
export function Spinner({ size = 20, label }: { size?: number; label?: string }) {
  return (
    <span className="ui-spinner" role={label ? 'status' : undefined} aria-hidden={label ? undefined : true}>
      <svg width={size} height={size} viewBox="0 0 20 20" fill="none" aria-hidden="true">
        <circle cx="10" cy="10" r="8" stroke="currentColor" strokeOpacity="0.22" strokeWidth="2.4" />
        <path d="M18 10a8 8 0 0 0-8-8" stroke="currentColor" strokeWidth="2.4" strokeLinecap="round" />
      </svg>
      {label && <span className="ui-hidden">{label}</span>}
    </span>
  );
}

/** How far something is: `value` from 0 to 1, null while that is unknown. */
export function Progress({ value, label }: { value: number | null; label: string }) {
  const percent = value === null ? undefined : Math.round(Math.min(1, Math.max(0, value)) * 100);
  return (
    <div
      className="ui-progress"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
    >
      <div
        className={classes('ui-progress-bar', percent === undefined && 'ui-progress-unknown')}
        style={{ width: percent === undefined ? '30%' : `${percent}%` }}
      />
    </div>
  );
}

export interface AvatarProps {
  name: string;
  /** Index into the presence colours; any number, taken modulo 12. */
  color?: number;
  size?: number;
  className?: string;
}

const initials = (name: string): string => {
  const words = name.trim().split(/\s+/);
  const first = [...(words[0] ?? '?')][0] ?? '?';
  const last = words.length > 1 ? ([...(words.at(-1) ?? '')][0] ?? '') : '';
  return (first + last).toLocaleUpperCase();
};

/** A steady colour of the twelve for an account that came without one. */
export function colorOf(id: string): number {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 9973;
  return sum % 12;
}

export function Avatar({ name, color = colorOf(name), size = 28, className }: AvatarProps) {
  return (
    <span
      className={classes('ui-avatar', className)}
      aria-hidden="true"
      data-initials={initials(name)}
      style={{
        width: size,
        height: size,
        fontSize: size * 0.4,
        background: `var(--presence-${Math.abs(Math.trunc(color)) % 12})`,
      }}
    />
  );
}

export interface EmptyStateProps {
  icon: IconName;
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
}

/** What a place says when there is nothing in it, and what to do about that. */
export function EmptyState({ icon, title, children, actions }: EmptyStateProps) {
  return (
    <div className="ui-empty">
      <span className="ui-empty-icon">
        <Icon name={icon} size={32} />
      </span>
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {actions && <div className="ui-empty-actions">{actions}</div>}
    </div>
  );
}

export interface BannerProps {
  kind?: 'info' | 'ok' | 'warn' | 'error';
  title?: ReactNode;
  children?: ReactNode;
  actions?: ReactNode;
}

const bannerIcons = { info: 'info', ok: 'check_circle', warn: 'warning', error: 'error' } as const;

/** A message that stays in the page; an error is spoken at once. */
export function Banner({ kind = 'info', title, children, actions }: BannerProps) {
  return (
    <div className={`ui-banner ui-banner-${kind}`} role={kind === 'error' ? 'alert' : 'status'}>
      <Icon name={bannerIcons[kind]} size={20} className="ui-banner-icon" />
      <div className="ui-banner-body">
        {title && <strong>{title}</strong>}
        {children && <div>{children}</div>}
      </div>
      {actions && <div className="ui-banner-actions">{actions}</div>}
    </div>
  );
}
