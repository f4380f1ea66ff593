import { expect, test } from 'vitest';
import { Addresses, type Rule } from './addresses';

const RULES: readonly Rule[] = [
  ['plotly', '^cdn\\.plot\\.ly/plotly-4[\\d.]*(\\.min)?(\\.js)?$', 'lib-plotly-abc.js'],
  ['jquery', '^code\\.jquery\\.com/jquery-3[\\d.]*(\\.min)?\\.js$', 'lib-jquery-abc.js'],
];
const here = new Addresses(RULES, 'http://here/frame/', false);

test('a module is imported under its whole name, RequireJS appends what it wants itself', () => {
  expect(here.rewrite('import "https://cdn.plot.ly/plotly-4.1.0.min"')).toBe(
    'import "http://here/frame/lib-plotly-abc.js"',
  );
  expect(here.rewrite("paths: {plotly: ['https://cdn.plot.ly/plotly-4.1.0.min']}")).toBe(
    "paths: {plotly: ['http://here/frame/lib-plotly-abc']}",
  );
});

test('only what is replaced loses the hash that it was to have', () => {
  const kept = '<script src="https://code.jquery.com/other.js" integrity="sha256-b" crossorigin="anonymous"></script>';
  expect(
    here.rewrite(`<script src="https://code.jquery.com/jquery-3.7.1.min.js" integrity="sha256-a"></script>${kept}`),
  ).toBe(`<script src="http://here/frame/lib-jquery-abc.js"></script>${kept}`);
});

test('a page within an attribute is written anew as well', () => {
  expect(
    here.rewrite(
      '<iframe srcdoc="&lt;script src=&quot;https://code.jquery.com/jquery-3.7.1.min.js&quot; integrity=&quot;x&quot;&gt;">',
    ),
  ).toBe('<iframe srcdoc="&lt;script src=&quot;http://here/frame/lib-jquery-abc.js&quot;&gt;">');
});
