/** Spellings of fields as public notebooks have them (facts about the form, with values of our own). For tests. */
import type { FieldType } from './fields';

export interface Spelling {
  line: string;
  type: FieldType;
  value: string;
  /** The choices as they are shown. */
  choices?: string[];
  free?: boolean;
  code?: boolean;
  /** Another value, and the line that it makes. */
  set?: [string, string];
}

export const SPELLINGS: readonly Spelling[] = [
  // Bare, and with words behind it.
  { line: 'x = 5 #@param', type: 'raw', value: '5', set: ['[1, 2]', 'x = [1, 2] #@param'] },
  { line: 'x = f(1, "#")  # @param', type: 'raw', value: 'f(1, "#")', set: ['None', 'x = None  # @param'] },
  { line: 'x=np.pi#@param how far', type: 'raw', value: 'np.pi', set: ['2', 'x=2#@param how far'] },
  { line: 'x = 1 #@param {type:"raw"}', type: 'raw', value: '1' },
  { line: "x = a.b #@param{type: 'raw'}", type: 'raw', value: 'a.b', set: ['c', "x = c #@param{type: 'raw'}"] },
  // Text.
  {
    line: `s = 'PIAQ'  #@param {type:"string"}`,
    type: 'string',
    value: 'PIAQ',
    set: ["it's", `s = 'it\\'s'  #@param {type:"string"}`],
  },
  {
    line: `s = ''  #@param {type:"string"}`,
    type: 'string',
    value: '',
    set: ['#', `s = '#'  #@param {type:"string"}`],
  },
  {
    line: 's = "KEY"  # @param {type: "string"}',
    type: 'string',
    value: 'KEY',
    set: ['a "b"', 's = "a \\"b\\""  # @param {type: "string"}'],
  },
  { line: 's = "" #@param{type:"string"}', type: 'string', value: '' },
  { line: "s = 'a' #@param{type:'string'}", type: 'string', value: 'a' },
  { line: "s = 'a' #@param {'type':'string'}", type: 'string', value: 'a' },
  { line: 's = "a" #@param { "type": "string", "placeholder": "name" }', type: 'string', value: 'a' },
  {
    line: 's = ""  # @param {type: "string", placeholder: "[your-project]", isTemplate: true}',
    type: 'string',
    value: '',
  },
  { line: 's = "[your]"  # @param {type:"string"}', type: 'string', value: '[your]' },
  { line: 's = "a"  # @param {"placeholder":"x"}', type: 'string', value: 'a' },
  {
    line: String.raw`s = "\u5206a\tb" #@param {type:"string"}`,
    type: 'string',
    value: '分a\tb',
    set: ['分a\tbc', String.raw`s = "\u5206a\tbc" #@param {type:"string"}`],
  },
  {
    line: String.raw`s = r'C:\new' #@param {type:"string"}`,
    type: 'string',
    value: 'C:\\new',
    set: ['C:\\old', String.raw`s = r'C:\old' #@param {type:"string"}`],
  },
  {
    line: String.raw`s = r"C:" #@param {type:"string"}`,
    type: 'string',
    value: 'C:',
    set: ['C:\\', String.raw`s = "C:\\" #@param {type:"string"}`],
  },
  { line: 's = """a "b" c""" #@param {type:"string"}', type: 'string', value: 'a "b" c' },
  { line: `s = f'{a}' #@param {type:"string"}`, type: 'raw', value: `f'{a}'`, code: true },
  { line: 's = os.environ["A"] #@param {type:"string"}', type: 'raw', value: 'os.environ["A"]', code: true },
  { line: 's = "a" "b" #@param {type:"string"}', type: 'raw', value: '"a" "b"', code: true },
  { line: 's = #@param {type:"string"}', type: 'string', value: '', set: ['a', 's = "a"#@param {type:"string"}'] },
  // Truth.
  {
    line: 'b = True #@param {type:"boolean"}',
    type: 'boolean',
    value: 'true',
    set: ['', 'b = False #@param {type:"boolean"}'],
  },
  {
    line: 'b = False#@param{type:"boolean"}',
    type: 'boolean',
    value: '',
    set: ['true', 'b = True#@param{type:"boolean"}'],
  },
  { line: "b = False  #@param{type: 'boolean'}", type: 'boolean', value: '' },
  {
    line: 'b = TRUE #@param {type:"boolean"}',
    type: 'boolean',
    value: 'true',
    set: ['', 'b = FALSE #@param {type:"boolean"}'],
  },
  { line: 'b = 1 #@param {type:"boolean"}', type: 'raw', value: '1', code: true },
  // Numbers.
  {
    line: 'n = 30000 #@param {type:"integer"}',
    type: 'integer',
    value: '30000',
    set: ['-7', 'n = -7 #@param {type:"integer"}'],
  },
  {
    line: 'n = 42  # @param {type:"integer"}',
    type: 'integer',
    value: '42',
    set: ['007', 'n = 7  # @param {type:"integer"}'],
  },
  { line: 'n = 1_000 #@param {type:"integer"}', type: 'integer', value: '1_000' },
  { line: 'n = None #@param {type:"integer"}', type: 'raw', value: 'None', code: true },
  {
    line: 'n =     5#@param {type:"number", min:1, max:10, step:1}',
    type: 'number',
    value: '5',
    set: ['7.5', 'n =     7.5#@param {type:"number", min:1, max:10, step:1}'],
  },
  {
    line: 'n =  0. #@param {type:"number"}',
    type: 'number',
    value: '0.',
    set: ['1e-3', 'n =  1e-3 #@param {type:"number"}'],
  },
  { line: 'n = .5 #@param{type: "number"}', type: 'number', value: '.5' },
  { line: "n = 25.0 #@param {'type': 'number'}", type: 'number', value: '25.0' },
  // Sliders.
  {
    line: 'v = 0 #@param {type:"slider", min:0, max:9, step:1}',
    type: 'slider',
    value: '0',
    set: ['4', 'v = 4 #@param {type:"slider", min:0, max:9, step:1}'],
  },
  {
    line: '    v = 5 #@param {type:"slider", min:1, max:10, step:0.1}',
    type: 'slider',
    value: '5',
    set: ['2.3000000000000003', '    v = 2.3 #@param {type:"slider", min:1, max:10, step:0.1}'],
  },
  {
    line: 'lr = 0.0015 #@param {type: "slider", min: 0.001, max: 2, step: 0.005}',
    type: 'slider',
    value: '0.0015',
    set: ['1', 'lr = 1.0 #@param {type: "slider", min: 0.001, max: 2, step: 0.005}'],
  },
  { line: 'v = 9 #@param {type:"slider"}', type: 'slider', value: '9' },
  { line: 'v = steps #@param {type:"slider", min:0, max:1000, step:1}', type: 'raw', value: 'steps', code: true },
  // Dates.
  {
    line: `d = '2018-03-22'  #@param {type:"date"}`,
    type: 'date',
    value: '2018-03-22',
    set: ['2024-02-29', `d = '2024-02-29'  #@param {type:"date"}`],
  },
  { line: `d = 'today'  #@param {type:"date"}`, type: 'string', value: 'today' },
  // Lists.
  {
    line: "m = 'b' #@param ['a', 'b', 'c d']",
    type: 'choice',
    value: 'b',
    choices: ['a', 'b', 'c d'],
    set: ['c d', "m = 'c d' #@param ['a', 'b', 'c d']"],
  },
  {
    line: 'm = "b"  #@param ["a", "b (.x or .y)"]',
    type: 'choice',
    value: 'b',
    choices: ['a', 'b (.x or .y)'],
    set: ['a', 'm = "a"  #@param ["a", "b (.x or .y)"]'],
  },
  { line: "m = 'plms' #@param ['plms','ddim']  ", type: 'choice', value: 'plms', choices: ['plms', 'ddim'] },
  {
    line: "m = 'cpu' #@param ['cuda', 'cpu'] {'type':'string'}",
    type: 'choice',
    value: 'cpu',
    choices: ['cuda', 'cpu'],
  },
  {
    line: 'm = "a"  # @param ["a","b", "c"] {"allow-input":true, isTemplate: true}',
    type: 'choice',
    value: 'a',
    choices: ['a', 'b', 'c'],
    free: true,
    set: ['z', 'm = "z"  # @param ["a","b", "c"] {"allow-input":true, isTemplate: true}'],
  },
  { line: 'm = "a" #@param ["a"] {allow-input: false}', type: 'choice', value: 'a', choices: ['a'], free: false },
  {
    line: 'm = sts_dev #@param ["sts_dev", "sts_test"] {type:"raw"}',
    type: 'choice',
    value: 'sts_dev',
    choices: ['sts_dev', 'sts_test'],
    set: ['sts_test', 'm = sts_test #@param ["sts_dev", "sts_test"] {type:"raw"}'],
  },
  {
    line: 'm = True #@param ["True", "False"] {type:"raw"}',
    type: 'choice',
    value: 'True',
    choices: ['True', 'False'],
  },
  {
    line: 'm = 1024 #@param [1024, 16384]',
    type: 'choice',
    value: '1024',
    choices: ['1024', '16384'],
    set: ['16384', 'm = 16384 #@param [1024, 16384]'],
  },
  {
    line: `m = "a, b" #@param ["a, b", 'it\\'s', "]"]`,
    type: 'choice',
    value: 'a, b',
    choices: ['a, b', "it's", ']'],
    set: ["it's", `m = "it's" #@param ["a, b", 'it\\'s', "]"]`],
  },
  { line: 'm = "gone" #@param ["a", "b"]', type: 'choice', value: 'gone', choices: ['a', 'b'] },
  {
    line: 'm = x + 1 #@param ["a", "b"]',
    type: 'choice',
    value: 'x + 1',
    choices: ['a', 'b'],
    code: true,
    set: ['b', 'm = "b" #@param ["a", "b"]'],
  },
  // Names.
  { line: 'größe_2 = 1 #@param {type:"integer"}', type: 'integer', value: '1' },
  { line: 'config.size = 1 #@param {type:"integer"}', type: 'integer', value: '1' },
  {
    line: 'n: int = 1 #@param {type:"integer"}',
    type: 'integer',
    value: '1',
    set: ['2', 'n: int = 2 #@param {type:"integer"}'],
  },
  { line: 'n <- 1 #@param {type:"integer"}', type: 'integer', value: '1' },
];

/** Lines that stay code. */
export const NO_FIELDS: readonly string[] = [
  "# rate = '16kHz'  #@param ['16kHz', '32kHz']",
  "    'frames': 1500, #@param{type: 'integer'}",
  ' ,resamples = 100 #@param {type:"slider"}',
  'x = """a #@param {type:"string"}',
  "x = 'it #@param {type:'string'}",
  'x = [1, #@param',
  ']  #@param {type:"raw"}',
  'x = 1 #@param ["a",',
  'x = 1 #@param {type:"string"',
  'x == 1 #@param',
  'x += 1 #@param',
  'print("x = 1 #@param")',
  'x = 1 #@parameter',
  'x = 1 # see @param',
  '!pip install x #@param',
];
