/** Changes of a source that a form makes: each is one replacement, as small as it can be. */
import { textDifference } from '@labora/document';
import { type Field, type Problem, spell } from './fields';
import type { Form } from './parse';

export interface Change {
  from: number;
  to: number;
  insert: string;
}

/** Gives the field `key` another value: nothing but its literal changes. */
export function setValue(form: Form | null, key: string, value: string): Change | { problem: Problem } {
  const field = form?.parts.find((part): part is Field => part.kind === 'field' && part.key === key);
  if (!field) return { problem: 'gone' };
  const spelled = spell(field, value);
  if ('problem' in spelled) return spelled;
  const { from, to, insert } = textDifference(field.literal, spelled.text);
  return { from: field.from + from, to: field.from + to, insert };
}

export const applied = (source: string, { from, to, insert }: Change): string =>
  source.slice(0, from) + insert + source.slice(to);
