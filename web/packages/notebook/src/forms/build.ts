/** New lines of a form: its title with attributes, and fields. */
import type { FieldType } from './fields';
import { writeString } from './literals';
import { type Option, type Options, Word } from './options';
import type { Form, Mode, Title } from './parse';
import type { Change } from './rewrite';

export interface Attributes {
  text: string;
  auto: boolean;
  mode: Mode;
  width: string;
}

export const attributesOf = (title: Title | null): Attributes => ({
  text: title?.text ?? '',
  auto: title?.auto ?? false,
  mode: title?.mode ?? 'both',
  width: title?.width ?? '',
});

/** Writes the title's line anew; options that are not asked about stay. */
export function titleChange(source: string, form: Form | null, wanted: Attributes): Change {
  const title = form?.title ?? null;
  const { run: _run, 'display-mode': _mode, 'form-width': _width, ...rest } = title?.options ?? {};
  const options: [string, string][] = [];
  if (wanted.auto) options.push(['run', '"auto"']);
  if (wanted.mode !== 'both') options.push(['display-mode', JSON.stringify(wanted.mode)]);
  if (wanted.width) options.push(['form-width', JSON.stringify(wanted.width)]);
  for (const [key, value] of Object.entries(rest)) options.push([key, spelled(value)]);
  const text = oneLine(wanted.text);
  const written = options.map(([key, value]) => `${/^[\w$-]+$/.test(key) ? key : JSON.stringify(key)}: ${value}`);
  const line = ['@title', text, options.length > 0 ? `{ ${written.join(', ')} }` : ''].filter(Boolean).join(' ');
  if (!title) return inserted(source, start(source), `#${line}`);
  const sign = /^[ \t]*#[ \t]*/.exec(source.slice(title.from, title.to))?.[0] ?? '#';
  return { from: title.from, to: title.to, insert: sign + line };
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

const isList = (value: Option): value is readonly Option[] => Array.isArray(value);

function spelled(value: Option): string {
  if (value instanceof Word) return value.text;
  if (typeof value === 'string') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(spelled).join(', ')}]`;
  return `{ ${Object.entries(value as Options)
    .map(([key, member]) => `${JSON.stringify(key)}: ${spelled(member)}`)
    .join(', ')} }`;
}

export interface NewField {
  type: FieldType | 'markdown';
  name: string;
  value: string;
  choices: readonly string[];
  free: boolean;
  min: string;
  max: string;
  step: string;
}

export const isName = (name: string): boolean => /^[\p{L}_][\p{L}\p{N}_]*$/u.test(name);

/** The line of a new field; its value is what a field of its type can hold, or the first that it can. */
export function fieldLine(field: NewField): string {
  if (field.type === 'markdown')
    return field.value
      .split(/\r?\n/)
      .map((line) => `#@markdown ${line}`.trimEnd())
      .join('\n');
  const [first = ''] = field.choices;
  const { value } = field;
  const texts: Record<FieldType, string> = {
    string: writeString(value, null),
    date: writeString(value, null),
    choice: writeString(field.choices.includes(value) || field.free ? value : first, null),
    boolean: value === 'true' ? 'True' : 'False',
    integer: value || '0',
    number: value || '0',
    slider: value || field.min || '0',
    raw: value || 'None',
  };
  const range = `type:"slider", min:${field.min || '0'}, max:${field.max || '100'}, step:${field.step || '1'}`;
  const list = `[${field.choices.map((one) => JSON.stringify(one)).join(', ')}]${field.free ? ' {allow-input: true}' : ''}`;
  const options = field.type === 'choice' ? list : `{${field.type === 'slider' ? range : `type:"${field.type}"`}}`;
  return `${field.name} = ${texts[field.type]} #@param ${options}`;
}

/** Puts lines behind the form that is there, else at the top. */
export function linesAdded(source: string, form: Form | null, lines: string): Change {
  if (form && form.end > 0) return { from: form.end, to: form.end, insert: `\n${lines}` };
  return inserted(source, start(source), lines);
}

/** Behind the magic that a cell must begin with. */
const start = (source: string): number => /^%%[^\n]*\n?/.exec(source)?.[0].length ?? 0;

function inserted(source: string, at: number, line: string): Change {
  const before = at > 0 && source[at - 1] !== '\n' ? '\n' : '';
  return { from: at, to: at, insert: before + line + (at < source.length ? '\n' : '') };
}
