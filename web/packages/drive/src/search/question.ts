/** What a search asks for, as the address of the page spells it and as the server takes it. */
import type { SearchQuery } from '@labora/api';

export const choices = {
  type: ['', 'notebook', 'file', 'folder'],
  owner: ['', 'me', 'others'],
  when: ['', 'day', 'week', 'month', 'year'],
  in: ['', 'name', 'code', 'text', 'outputs'],
} as const;
export type FilterName = keyof typeof choices;
export type Filters = { [name in FilterName]: (typeof choices)[name][number] };

const days = { day: 1, week: 7, month: 31, year: 366 };

/** The filters in an address; what it does not know stands for any. */
export function filtersOf(address: string): Filters {
  const parameters = new URLSearchParams(address);
  const read = <N extends FilterName>(name: N) =>
    (choices[name] as readonly string[]).includes(parameters.get(name) ?? '') ? (parameters.get(name) ?? '') : '';
  return { type: read('type'), owner: read('owner'), when: read('when'), in: read('in') } as Filters;
}

/** The address of the same search with one filter changed. */
export function withFilter(address: string, name: FilterName, value: string): string {
  const parameters = new URLSearchParams(address);
  if (value) parameters.set(name, value);
  else parameters.delete(name);
  return `/?${parameters}`;
}

/** While one types, the last word may go on: `matplo` finds matplotlib. Quotes and marks of one's own are left alone. */
export function growing(text: string): string {
  const open = (text.match(/"/g) ?? []).length % 2 === 1;
  return !open && /[\p{L}\p{N}_]$/u.test(text) ? `${text}*` : text;
}

export function queryFor(q: string, filters: Filters, now: Date): SearchQuery {
  const query: SearchQuery = { text: growing(q.trim()) };
  if (filters.type) query.kind = filters.type;
  if (filters.owner) query.owner = filters.owner;
  if (filters.in) query.where = filters.in;
  if (filters.when) query.modifiedFrom = new Date(now.getTime() - days[filters.when] * 86_400_000).toISOString();
  return query;
}
