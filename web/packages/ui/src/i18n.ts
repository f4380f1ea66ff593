/**
 * The message catalogue. A message is a string with `{name}` places, or an object of plural forms chosen by `{count}`
 * (CLDR categories: one, other …). Packages register their own part once: `addMessages('notebook', { … })`.
 */
export type Message = string | { one?: string; other: string };
export type Messages = { [key: string]: Message | Messages };
export type Values = Record<string, string | number>;

const catalogue = new Map<string, Message>();
let locale = 'en';
let plurals = new Intl.PluralRules(locale);

function isMessage(value: Message | Messages): value is Message {
  return typeof value === 'string' || typeof value['other'] === 'string';
}

/** Adds messages under a prefix; keys join with dots: `addMessages('drive', { empty: { title: '…' } })` → `drive.empty.title`. */
export function addMessages(prefix: string, messages: Messages): void {
  for (const [key, value] of Object.entries(messages)) {
    const path = prefix ? `${prefix}.${key}` : key;
    if (isMessage(value)) catalogue.set(path, value);
    else addMessages(path, value);
  }
}

export function setLocale(tag: string): void {
  locale = tag;
  plurals = new Intl.PluralRules(tag);
  document.documentElement.lang = tag;
}

export const currentLocale = (): string => locale;

/** True when the catalogue has this message: for error codes, of which a newer server may know more. */
export const hasMessage = (key: string): boolean => catalogue.has(key);

/** The message of this key with its places filled. An unknown key shows itself, so that a gap is seen and not a crash. */
export function t(key: string, values: Values = {}): string {
  const message = catalogue.get(key);
  if (message === undefined) return key;
  const count = values['count'];
  const form =
    typeof message === 'string'
      ? message
      : ((typeof count === 'number' && plurals.select(count) === 'one' ? message.one : undefined) ?? message.other);
  return form.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = values[name];
    return value === undefined ? place : typeof value === 'number' ? value.toLocaleString(locale) : value;
  });
}
