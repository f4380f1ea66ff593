/** Revisions as a list that people can look through: by day, runs of automatic saves as one. */
import type { Person, Revision } from '@labora/api';

export interface Entry {
  revision: Revision;
  /** Automatic saves shortly before, of which only this last one shows at first. */
  hidden: Revision[];
}

export interface Day {
  /** The local date, such as 2026-07-01. */
  date: string;
  entries: Entry[];
}

const HOUR_MS = 3_600_000;

const isAutomatic = (revision: Revision): boolean =>
  revision.kind === 'autosave' && revision.name === null && !revision.pinned;

export const isKept = (revision: Revision): boolean => revision.name !== null || revision.pinned;

function dateOf(revision: Revision): string {
  const at = new Date(revision.created_at);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** Days, newest first, of revisions that come newest first. */
export function byDay(revisions: readonly Revision[]): Day[] {
  const days: Day[] = [];
  for (const revision of revisions) {
    const date = dateOf(revision);
    let day = days.at(-1);
    if (day?.date !== date) {
      day = { date, entries: [] };
      days.push(day);
    }
    const above = day.entries.at(-1);
    const near =
      above !== undefined &&
      new Date(above.revision.created_at).getTime() - new Date(revision.created_at).getTime() < HOUR_MS;
    if (near && isAutomatic(above.revision) && isAutomatic(revision)) above.hidden.push(revision);
    else day.entries.push({ revision, hidden: [] });
  }
  return days;
}

/** Everybody who had a part in a revision, whoever saved it first. */
export function peopleOf({ revision, hidden }: Entry): Person[] {
  const people = new Map<string, Person>();
  for (const one of [revision, ...hidden]) {
    if (one.author) people.set(one.author.id, one.author);
    for (const person of one.contributors) people.set(person.id, person);
  }
  return [...people.values()];
}
