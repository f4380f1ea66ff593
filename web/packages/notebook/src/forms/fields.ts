/** Fields of a form: `name = value #@param …`, which kind of control they are, and how another value is written. */
import { readString, scanCode, writeString } from './literals';
import { flagOf, numberOf, type Option, readOptions, textOf, Word } from './options';

export type FieldType = 'string' | 'raw' | 'boolean' | 'integer' | 'number' | 'date' | 'slider' | 'choice';

export interface Choice {
  /** What is shown. */
  label: string;
  /** Whether it is written as it is, and not as a string. */
  raw: boolean;
}

export interface Field {
  kind: 'field';
  /** Its name, and how many of that name are above it. */
  key: string;
  name: string;
  type: FieldType;
  /** The literal's place in the source. */
  from: number;
  to: number;
  /** The literal as it is spelled. */
  literal: string;
  /** What the control shows; "true" or "" for a boolean. */
  value: string;
  choices: readonly Choice[];
  /** A choice may also be typed. */
  free: boolean;
  /** The literal is no value of its declared kind, but code, which is shown as it is. */
  code: boolean;
  min: number | null;
  max: number | null;
  step: number | null;
  placeholder: string;
  template: boolean;
}

export type Problem = 'gone' | 'integer' | 'number' | 'small' | 'large' | 'code' | 'date' | 'choice';
export type Spelled = { text: string } | { problem: Problem };

const TARGET = /^[ \t]*([\p{L}_][\p{L}\p{N}_.]*)[ \t]*(?::[^=#'"]{1,200})?(?:=(?!=)|<-)/u;
const COMMENT = /^#[ \t]*@param(?![\w-])/;
const INTEGER = /^[+-]?\d+(?:_\d+)*$/;
const NUMBER = /^[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const BOOLEANS = [
  ['True', 'False'],
  ['true', 'false'],
  ['TRUE', 'FALSE'],
] as const;
const TYPES: Readonly<Record<string, FieldType>> = {
  string: 'string',
  str: 'string',
  text: 'string',
  raw: 'raw',
  boolean: 'boolean',
  bool: 'boolean',
  integer: 'integer',
  int: 'integer',
  number: 'number',
  float: 'number',
  date: 'date',
  slider: 'slider',
};

/** Reads a line that may be a field; `at` is its place, `seen` counts the names above it. */
export function readField(line: string, at: number, seen: Map<string, number>): Field | null {
  if (!line.includes('@param')) return null;
  const target = TARGET.exec(line);
  if (!target) return null;
  const start = target[0].length;
  const { end, closed } = scanCode(line, start);
  const comment = COMMENT.exec(line.slice(end));
  if (!closed || !comment) return null;
  const read = readOptions(line.slice(end + comment[0].length));
  if (!read) return null;
  const literal = line.slice(start, end).trim();
  // A missing value goes behind the first space.
  const gap = literal ? line.indexOf(literal, start) - start : Math.min(1, end - start);
  const name = target[1] ?? '';
  const count = seen.get(name) ?? 0;
  seen.set(name, count + 1);
  const { list, options } = read;
  const type = textOf(options['type'])?.toLowerCase() ?? '';
  const slider = type === 'slider';
  const base = {
    kind: 'field' as const,
    key: count > 0 ? `${name}/${count}` : name,
    name,
    from: at + start + gap,
    to: at + start + gap + literal.length,
    literal,
    choices: list ? list.flatMap((item) => choiceOf(item, type)) : [],
    free: flagOf(options['allow-input']),
    min: numberOf(options['min']) ?? (slider ? 0 : null),
    max: numberOf(options['max']) ?? (slider ? 100 : null),
    step: numberOf(options['step']) ?? (slider ? 1 : null),
    placeholder: textOf(options['placeholder']) ?? '',
    template: flagOf(options['isTemplate']),
  };
  return { ...base, ...shown(literal, list ? 'choice' : declared(type, options), base.choices) };
}

/** Without a type it is code, unless it says something about text. */
function declared(type: string, options: Readonly<Record<string, Option>>): FieldType | null {
  const known = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
  return known ?? (type || Object.keys(options).length > 0 ? null : 'raw');
}

function choiceOf(item: Option, type: string): Choice[] {
  const label = textOf(item);
  if (label === undefined) return [];
  const strings = type === '' || type === 'string' || type === 'date';
  return [{ label, raw: !strings || (item instanceof Word && type !== 'string') }];
}

type Shown = Pick<Field, 'type' | 'value' | 'code'>;

/** How a literal is shown in a field of a declared type; null for whatever fits. */
function shown(literal: string, type: FieldType | null, choices: readonly Choice[]): Shown {
  const string = readString(literal);
  const asIs: Shown = { type: 'raw', value: literal, code: type !== 'raw' };
  const as = (is: FieldType, value = literal): Shown => ({ type: is, value, code: false });
  const text = (is: FieldType): Shown => (string ? as(is, string.value) : literal ? asIs : as(is, ''));
  switch (type) {
    case 'boolean':
      if (!literal) return as('boolean', '');
      return BOOLEANS.some((pair) => pair.some((one) => one === literal))
        ? as('boolean', /^true$/i.test(literal) ? 'true' : '')
        : asIs;
    case 'integer':
      return !literal || INTEGER.test(literal) ? as('integer') : asIs;
    case 'number':
    case 'slider':
      return !literal || NUMBER.test(literal) ? as(type) : asIs;
    case 'date':
      return string && string.value && !DATE.test(string.value) ? text('string') : text('date');
    case 'choice': {
      const raw = choices.some((one) => one.raw && one.label === literal);
      return { type: 'choice', value: raw ? literal : (string?.value ?? literal), code: !raw && !string && !!literal };
    }
    case 'string':
      return text('string');
    default:
      return type === 'raw' || !string ? { ...asIs, code: false } : text('string');
  }
}

/** Spells a value of a field, like the literal that is there. */
export function spell(field: Field, value: string): Spelled {
  const given = value.trim();
  switch (field.type) {
    case 'boolean': {
      const pair = BOOLEANS.find((one) => one.some((word) => word === field.literal)) ?? BOOLEANS[0];
      return { text: pair[value === 'true' ? 0 : 1] };
    }
    case 'integer':
      return INTEGER.test(given) ? within(field, given.replace(/^([+-]?)[0_]+(?=\d)/, '$1')) : { problem: 'integer' };
    case 'number':
      return NUMBER.test(given) ? within(field, given.replace(/^([+-]?)0[0_]*(?=\d)/, '$1')) : { problem: 'number' };
    case 'slider':
      return NUMBER.test(given) ? { text: sliderNumber(field, Number(given)) } : { problem: 'number' };
    case 'date':
      return value === '' || DATE.test(value) ? string(field, value) : { problem: 'date' };
    case 'choice':
      return spellChoice(field, value);
    case 'string':
      return string(field, value);
    case 'raw':
      return code(given);
  }
}

const string = (field: Field, value: string): Spelled => ({ text: writeString(value, readString(field.literal)) });

function spellChoice(field: Field, value: string): Spelled {
  const chosen = field.choices.find((one) => one.label === value);
  if (chosen) return chosen.raw ? code(value) : string(field, value);
  if (!field.free) return { problem: 'choice' };
  // What is typed is of the kind of the choices.
  return field.choices.length > 0 && field.choices.every((one) => one.raw) ? code(value.trim()) : string(field, value);
}

/** Code stays one value on one line. */
function code(text: string): Spelled {
  const { end, closed } = scanCode(text, 0);
  return text && closed && end === text.length && !/[\r\n]/.test(text) && !text.startsWith('=')
    ? { text }
    : { problem: 'code' };
}

function within(field: Field, text: string): Spelled {
  const number = Number(text.replaceAll('_', ''));
  if (field.min !== null && number < field.min) return { problem: 'small' };
  if (field.max !== null && number > field.max) return { problem: 'large' };
  return { text };
}

const decimals = (number: number | null): number => {
  const [mantissa = '', exponent = '0'] = String(number ?? 0).split('e');
  return Math.min(20, Math.max(0, (mantissa.split('.')[1]?.length ?? 0) - Number(exponent)));
};

/** A whole number where the steps are whole, else with a point. */
function sliderNumber(field: Field, number: number): string {
  const places = Math.max(decimals(field.step), decimals(field.min));
  if (places === 0 && Number.isInteger(number)) return String(number);
  const text = String(Number(number.toFixed(places || 6)));
  return /[.e]/.test(text) ? text : `${text}.0`;
}
