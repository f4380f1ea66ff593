/** One quantity as a bar with its figures; coloured when little is left. */
import { formatBytes, levelOf, t } from '@labora/ui';
import './messages';

export const bytesOf = (used: number | null | undefined, limit: number | null | undefined): string =>
  typeof used !== 'number'
    ? t('sessions.unknown')
    : typeof limit === 'number' && limit > 0
      ? t('sessions.ofLimit', { used: formatBytes(used), limit: formatBytes(limit) })
      : formatBytes(used);

export function coresOf(cpu: number | null | undefined, cpus: number): string {
  if (typeof cpu !== 'number') return t('sessions.unknown');
  return t('sessions.cores', { used: Math.round(cpu * 10) / 10, limit: cpus });
}

export interface BarProps {
  label: string;
  share: number | null;
  text: string;
}

export function Bar({ label, share, text }: BarProps) {
  return (
    <div className="meter-row">
      <span className="meter-label">{label}</span>
      <div
        className="meter-bar"
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round((share ?? 0) * 100)}
        aria-valuetext={text}
      >
        <div className="meter-fill" data-level={levelOf(share)} style={{ width: `${(share ?? 0) * 100}%` }} />
      </div>
      <span className="meter-text">{text}</span>
    </div>
  );
}
