/** The revisions of a file at the side: by day, with who made them; arrows go through them. */
import { type KeyboardEvent, useState } from 'react';
import { api, type Revision } from '@labora/api';
import {
  Avatar,
  Button,
  Icon,
  IconButton,
  Menu,
  type MenuItem,
  classes,
  currentLocale,
  formatDateTime,
  t,
} from '@labora/ui';
import { type Day, type Entry, byDay, peopleOf } from './grouping';

export interface RevisionActions {
  name: (revision: Revision) => void;
  unname: (revision: Revision) => void;
  pin: (revision: Revision, pinned: boolean) => void;
  restore: (revision: Revision) => void;
}

const KINDS: Record<string, string> = { 'before-merge': 'before' };
const KNOWN = new Set(['upload', 'autosave', 'mount', 'named', 'restore', 'import']);

export const kindText = (kind: string): string =>
  t(`history.kind.${KINDS[kind] ?? (KNOWN.has(kind) ? kind : 'unknown')}`);

const timeOf = (revision: Revision): string =>
  new Date(revision.created_at).toLocaleTimeString(currentLocale(), { hour: 'numeric', minute: '2-digit' });

function dayText(date: string): string {
  const day = new Date(`${date}T12:00:00`);
  const ago = Math.round((new Date().setHours(12, 0, 0, 0) - day.getTime()) / 86_400_000);
  if (ago === 0) return t('history.today');
  if (ago === 1) return t('history.yesterday');
  const year = day.getFullYear() === new Date().getFullYear() ? undefined : 'numeric';
  return day.toLocaleDateString(currentLocale(), { weekday: 'long', day: 'numeric', month: 'long', year });
}

export function byText(entry: Entry): string {
  const [first, ...rest] = peopleOf(entry);
  if (!first) return '';
  return rest.length === 0
    ? t('history.by', { name: first.name })
    : t('history.byMore', { name: first.name, count: rest.length });
}

function menuOf(fileId: string, revision: Revision, newest: boolean, actions: RevisionActions | null): MenuItem[] {
  const download = () => {
    const link = document.createElement('a');
    link.href = api.revisionUrl(fileId, revision.id);
    link.download = '';
    link.click();
  };
  const items: (MenuItem | false)[] = [
    actions !== null && {
      id: 'name',
      label: t(revision.name === null ? 'history.name' : 'history.rename'),
      icon: 'edit',
      onSelect: () => actions.name(revision),
    },
    actions !== null &&
      revision.name !== null && {
        id: 'unname',
        label: t('history.unname'),
        icon: 'close',
        onSelect: () => actions.unname(revision),
      },
    actions !== null && {
      id: 'pin',
      label: t(revision.pinned ? 'history.unpin' : 'history.pin'),
      icon: revision.pinned ? 'keep-fill' : 'keep',
      onSelect: () => actions.pin(revision, !revision.pinned),
    },
    actions !== null && {
      id: 'restore',
      label: t('history.restore'),
      icon: 'history',
      disabled: newest,
      onSelect: () => actions.restore(revision),
    },
    { id: 'download', label: t('history.download'), icon: 'download', onSelect: download },
  ];
  return items.filter((item) => item !== false);
}

interface RowProps {
  fileId: string;
  entry: Entry;
  selected: string | null;
  newest: string | undefined;
  onSelect: (revision: Revision) => void;
  actions: RevisionActions | null;
}

function Row({ fileId, entry, selected, newest, onSelect, actions }: RowProps) {
  const { revision } = entry;
  const here = revision.id === selected;
  const people = peopleOf(entry);
  const name = revision.name ?? timeOf(revision);
  return (
    <li className={classes('history-row', here && 'history-row-here')}>
      <button
        type="button"
        className="history-pick"
        aria-current={here || undefined}
        data-revision={revision.number}
        title={formatDateTime(revision.created_at)}
        onClick={() => onSelect(revision)}
      >
        <span className="history-row-name">
          <strong className="ui-truncate">{name}</strong>
          {revision.pinned && (
            <>
              <Icon name="keep-fill" size={16} />
              <span className="ui-hidden">{t('history.pinned')}</span>
            </>
          )}
          {revision.id === newest && <span className="diff-badge">{t('history.newest')}</span>}
        </span>
        <span className="history-row-kind">
          {revision.name === null ? '' : `${timeOf(revision)} · `}
          {kindText(revision.kind)}
        </span>
        <span className="history-row-people">
          {people.slice(0, 3).map((person) => (
            <Avatar key={person.id} name={person.name} color={person.color} size={20} />
          ))}
          <span className="ui-truncate">{byText(entry)}</span>
        </span>
      </button>
      <Menu
        align="end"
        items={() => menuOf(fileId, revision, revision.id === newest, actions)}
        trigger={<IconButton size="sm" icon="more_vert" label={t('history.actions', { name })} tooltip={false} />}
      />
    </li>
  );
}

function Rows({ entry, ...rest }: RowProps) {
  const [open, setOpen] = useState(false);
  const shown = open || entry.hidden.some((one) => one.id === rest.selected);
  return (
    <>
      <Row entry={shown ? { ...entry, hidden: [] } : entry} {...rest} />
      {entry.hidden.length > 0 && !shown && (
        <li>
          <button type="button" className="history-saves" onClick={() => setOpen(true)}>
            <Icon name="unfold_more" size={16} />
            {t('history.saves', { count: entry.hidden.length })}
          </button>
        </li>
      )}
      {shown && entry.hidden.map((one) => <Row key={one.id} entry={{ revision: one, hidden: [] }} {...rest} />)}
    </>
  );
}

/** Up and down go through the revisions, the first and the last by Home and End. */
function keys(event: KeyboardEvent<HTMLElement>): void {
  const picks = [...event.currentTarget.querySelectorAll<HTMLElement>('.history-pick')];
  const here = picks.indexOf(document.activeElement as HTMLElement);
  if (here < 0) return;
  const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: picks.length - 1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  picks[to]?.focus();
}

export interface RevisionListProps extends Omit<RowProps, 'entry' | 'newest'> {
  list: readonly Revision[];
  newest: string | undefined;
  more: boolean;
  onMore: () => Promise<void>;
}

export function RevisionList({ list, more, onMore, ...rest }: RevisionListProps) {
  const [busy, setBusy] = useState(false);
  const days: Day[] = byDay(list);
  return (
    // oxlint-disable-next-line jsx-a11y/no-static-element-interactions -- the buttons inside take the focus
    <div className="history-list" onKeyDown={keys}>
      {days.map((day) => (
        <section key={day.date}>
          <h2>{dayText(day.date)}</h2>
          <ul>
            {day.entries.map((entry) => (
              <Rows key={entry.revision.id} entry={entry} {...rest} />
            ))}
          </ul>
        </section>
      ))}
      {more && (
        <Button
          size="sm"
          busy={busy}
          onClick={() => {
            setBusy(true);
            void onMore().finally(() => setBusy(false));
          }}
        >
          {t('history.more')}
        </Button>
      )}
    </div>
  );
}
