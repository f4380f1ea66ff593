import { expect, test } from 'vitest';
import { fieldLine, linesAdded, titleChange } from './build';
import type { Field } from './fields';
import { formOf, modeOf, parseForm } from './parse';
import { applied, setValue } from './rewrite';
import { NO_FIELDS, SPELLINGS } from './spellings';

const fieldsOf = (source: string): Field[] =>
  (parseForm(source)?.parts ?? []).filter((part): part is Field => part.kind === 'field');

function set(source: string, key: string, value: string): string | null {
  const change = setValue(parseForm(source), key, value);
  return 'problem' in change ? null : applied(source, change);
}

/** Random numbers that are the same each time. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const ODD =
  `|  |"|'|\\|\\\\|#|#@param|\n|\r|\t|\0|{|}|[|]|(|,|:|=|1|a|\\n|\\x|\\u|\\N|"""|'''|ä|分|😀|\ud800|\udc00|\u2028|\ufeff|é|0|7|%|x = |#@param |# @title |#@markdown |{type:"string"}|["a"]|True|r|f| = `.split(
    '|',
  );
const text = (next: (below: number) => number, most: number): string =>
  Array.from({ length: next(most + 1) }, () => ODD[next(ODD.length)] ?? '').join('');

test.each(SPELLINGS)('$line', (spelling) => {
  const { line, set: [value, wanted] = [] } = spelling;
  const before = 'import os  # first\n\n';
  const after = '\nprint(1) #@param\n';
  const [field, ...more] = fieldsOf(before + line + after);
  expect(more).toEqual([]);
  expect(field).toMatchObject({ type: spelling.type, value: spelling.value, code: spelling.code ?? false });
  expect(field?.choices.map((one) => one.label)).toEqual(spelling.choices ?? []);
  expect(field?.free).toBe(spelling.free ?? false);
  if (value !== undefined && wanted !== undefined)
    expect(set(before + line + after, field?.key ?? '', value)).toBe(before + wanted + after);
  // Writing what is there changes nothing.
  if (
    !spelling.code &&
    field?.literal &&
    field.type !== 'slider' &&
    (field.type !== 'choice' || spelling.choices?.includes(field.value))
  )
    expect(set(before + line + after, field.key, field.value)).toBe(before + line + after);
});

test.each(NO_FIELDS)('stays code: %s', (line) => {
  expect(fieldsOf(line)).toEqual([]);
});

test('what cannot be a value is refused and says why', () => {
  const problem = (line: string, value: string) => {
    const change = setValue(parseForm(line), 'x', value);
    return 'problem' in change ? change.problem : null;
  };
  expect(problem('x = 1 #@param {type:"integer"}', '1.5')).toBe('integer');
  expect(problem('x = 1 #@param {type:"integer"}', '')).toBe('integer');
  expect(problem('x = 1 #@param {type:"number"}', '1; import os')).toBe('number');
  expect(problem('x = 1 #@param {type:"number", min:1, max:10}', '0')).toBe('small');
  expect(problem('x = 1 #@param {type:"number", min:1, max:10}', '10.5')).toBe('large');
  expect(problem('x = 1 #@param', '[1,')).toBe('code');
  expect(problem('x = 1 #@param', '1 # 2')).toBe('code');
  expect(problem('x = 1 #@param', "'")).toBe('code');
  expect(problem('x = 1 #@param', '')).toBe('code');
  expect(problem(`x = '' #@param {type:"date"}`, '1.1.2024')).toBe('date');
  expect(problem(`x = 'a' #@param ['a', 'b']`, 'c')).toBe('choice');
  expect(problem('y = 1 #@param', '2')).toBe('gone');
});

test('every text goes into a string and comes back, and nothing around it changes', () => {
  const next = random(7);
  const literals = ['"a"', "'a\\tb'", '"""a"""', "r'a'", 'r"""a"""', "u'ä'", '"\\x41\\101b"', "'\\d\\q'"];
  for (let round = 0; round < 1000; round++) {
    const before = `#@title T\n  y = 1\n${text(next, 3).replace(/["'#@]/g, '')}\n\tname = `;
    const after = ` #@param {type:"string"}\n# ${text(next, 4)}`;
    const source = before + literals[round % literals.length] + after;
    const value = text(next, 8);
    const written = set(source, 'name', value);
    expect(written?.startsWith(before), source).toBe(true);
    expect(written?.endsWith(after), source).toBe(true);
    const [field] = fieldsOf(written ?? '');
    expect(field?.value, JSON.stringify([source, value])).toBe(value);
    expect(field?.literal).not.toMatch(/[\r\n]/);
    expect(field?.literal.at(-1)).toBe((literals[round % literals.length] ?? '').at(-1));
  }
});

test('expressions and numbers come back as they were written', () => {
  const next = random(11);
  for (const type of ['raw', 'integer', 'number'] as const) {
    const source = `a = 1\nx = 1 #@param {type:"${type}"}\nb = 2`;
    for (let round = 0; round < 600; round++) {
      const value =
        type === 'raw' ? text(next, 6) : String(next(2000) - 1000 + (type === 'number' ? next(100) / 7 : 0));
      const written = set(source, 'x', value);
      if (written === null) continue;
      expect(written.startsWith('a = 1\nx = ') && written.endsWith(` #@param {type:"${type}"}\nb = 2`), value).toBe(
        true,
      );
      expect(
        fieldsOf(written).map((field) => field.literal),
        value,
      ).toEqual([value.trim()]);
    }
  }
});

test('it never throws, whatever the text, and every literal stands where it says', () => {
  const next = random(23);
  for (let round = 0; round < 2500; round++) {
    const source = text(next, 40);
    for (const field of fieldsOf(source)) {
      expect(source.slice(field.from, field.to)).toBe(field.literal);
      set(source, field.key, text(next, 5));
    }
  }
  expect(parseForm('#@param '.repeat(50_000))).toBe(null);
  expect(parseForm(`#@title ${'{'.repeat(50_000)}`)?.title?.options).toEqual({});
  expect(fieldsOf(`x = ${'['.repeat(50_000)} #@param`)).toEqual([]);
});

test('titles with options, and how the form shows', () => {
  const title = (line: string) => parseForm(line)?.title;
  expect(title('#@title Setup { display-mode: "form" }')).toMatchObject({ text: 'Setup', mode: 'form', auto: false });
  expect(title('# @title Run { display-mode: "form"}')).toMatchObject({ text: 'Run', mode: 'form' });
  expect(title(`#@title A {b} {run:'auto', "vertical-output": true, form-width:"300px"}`)).toMatchObject({
    text: 'A {b}',
    auto: true,
    vertical: true,
    width: '300px',
  });
  expect(title('%%capture\n#@title')).toMatchObject({ text: '', mode: null });
  expect(title('#@title 1 { form-width: "50%; color: red" }')?.width).toBe(null);
  expect(title('##@title no')).toBe(undefined);
  const form = parseForm('#@title A { display-mode: "code" }');
  expect(form && modeOf(form, undefined)).toBe('code');
  expect(form && modeOf(form, 'form')).toBe('form');
  expect(form && modeOf(form, 'nonsense')).toBe('code');
  expect(formOf('x = 1')).toBe(null);
});

test('lines of text are joined while they stand together', () => {
  const parts = parseForm('#@markdown - a\n#@markdown - b\nx = 1 #@param\n  # @markdown\n# @markdown   c')?.parts;
  expect(parts).toMatchObject([{ markdown: '- a\n- b' }, { name: 'x' }, { markdown: '\n  c' }]);
});

test('what stands inside a long string is no form; a stray quote hides nothing', () => {
  expect(parseForm('s = """\n#@title no\nx = 1 #@param\n"""\n')).toBe(null);
  expect(fieldsOf(`s = '''\n#@markdown no\n'''\nx = 1 #@param`)).toHaveLength(1);
  expect(fieldsOf('!echo it\'s\nx = 1 #@param\n# don"t """\ny = 2 #@param')).toHaveLength(2);
});

test('fields of one name are told apart', () => {
  const source = 'x = 1 #@param\nx = 2 #@param';
  expect(set(source, 'x/1', '3')).toBe('x = 1 #@param\nx = 3 #@param');
});

test('attributes are written into the title, and the rest of it stays', () => {
  const wanted = { text: 'B', auto: true, mode: 'form' as const, width: '50%' };
  const write = (source: string) => applied(source, titleChange(source, parseForm(source), wanted));
  const all = '{ run: "auto", display-mode: "form", form-width: "50%" }';
  expect(write('x = 1')).toBe(`#@title B ${all}\nx = 1`);
  expect(write('%%time\nx = 1')).toBe(`%%time\n#@title B ${all}\nx = 1`);
  expect(write('a\n  # @title A {run:"no", vertical-output: true}\nb')).toBe(
    `a\n  # @title B ${all.replace(' }', ', vertical-output: true }')}\nb`,
  );
});

test('new fields are what they are called, behind those that are there', () => {
  const field = { name: 'n', value: '', choices: ['a "b"', 'c'], free: true, min: '1', max: '5', step: '0.5' };
  for (const type of ['string', 'choice', 'boolean', 'slider', 'integer', 'number', 'date', 'raw'] as const) {
    const source = '#@title A\nprint(1)';
    const written = applied(source, linesAdded(source, parseForm(source), fieldLine({ ...field, type })));
    expect(written.startsWith('#@title A\nn = ') && written.endsWith('\nprint(1)')).toBe(true);
    expect(fieldsOf(written)).toMatchObject([{ name: 'n', type, code: false }]);
  }
  const text_ = fieldLine({ ...field, type: 'markdown', value: 'one\n\ntwo' });
  expect(text_).toBe('#@markdown one\n#@markdown\n#@markdown two');
});
