/** Mentions: `@[name](account:id)` as stored, `@name` as written. */

export interface Named {
  id: string;
  name: string;
}

export const MENTION = /@\[([^[\]\n]{1,200})\]\(account:([a-z0-9]{1,32})\)/g;

/** The text as a person writes it, and who stands behind the names in it. */
export function written(stored: string): { text: string; people: Named[] } {
  const people: Named[] = [];
  const text = stored.replace(MENTION, (_, name: string, id: string) => {
    people.push({ id, name });
    return `@${name}`;
  });
  return { text, people };
}

/** The text as it is stored: names of people that were chosen become mentions. */
export function stored(text: string, people: readonly Named[]): string {
  const longest = [...new Map(people.map((one) => [one.name, one])).values()].toSorted(
    (a, b) => b.name.length - a.name.length,
  );
  let rest = text;
  let made = '';
  for (let at = rest.indexOf('@'); at >= 0; at = rest.indexOf('@')) {
    const after = rest.slice(at + 1);
    const before = made + rest.slice(0, at);
    const word = /[\p{L}\p{N}_]$/u.test(before);
    const one = word
      ? undefined
      : longest.find(({ name }) => after.startsWith(name) && !/^[\p{L}\p{N}_]/u.test(after.slice(name.length)));
    const name = one?.name.replace(/[[\]\n]/g, ' ');
    made = before + (one ? `@[${name}](account:${one.id})` : '@');
    rest = after.slice(one ? one.name.length : 0);
  }
  return made + rest;
}

/** What stands between an `@` and the caret, when a name is being written there; null otherwise. */
export function asked(text: string, caret: number): { from: number; name: string } | null {
  const match = /(?:^|[\s([{"'])@([\p{L}\p{N}._-]{0,40}(?: [\p{L}\p{N}._-]{1,40})?)$/u.exec(text.slice(0, caret));
  return match ? { from: caret - (match[1] ?? '').length - 1, name: match[1] ?? '' } : null;
}
