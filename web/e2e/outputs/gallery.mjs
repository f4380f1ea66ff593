// Screenshots of one of each output, light and dark, wide and narrow, for a person to look at: e2e/shots/outputs-*.png.
import { launch, newPerson, shot, until } from '../src/browser.mjs';
import { serve } from './server.mjs';

const display = (id, data, more = {}) => ({ id, output_type: 'display_data', data, metadata: {}, ...more });
const E = '\u001b';
const rows = Array.from(
  { length: 12 },
  (_none, at) =>
    `<tr><th>${at}</th><td>${(5.1 + at / 10).toFixed(1)}</td><td>3.5</td><td>1.4</td><td>setosa</td><td>${at * 1234567}</td><td>2026-11-${10 + at}</td></tr>`,
).join('');
const pandas = `<div><style scoped>.dataframe tbody tr th {vertical-align: top;}</style><table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th><th>sepal_length</th><th>sepal_width</th><th>petal_length</th><th>species</th><th>population</th><th>date</th></tr></thead><tbody>${rows}</tbody></table><p>12 rows × 6 columns</p></div>`;
const frames = Array.from(
  { length: 30 },
  (_none, at) =>
    `${E}[32m  File ${E}[39m${E}[32m~/lib/module${at}.py:${at * 7}${E}[39m, in ${E}[36mcall${at}${E}[39m(x)\n${E}[1;32m      ${at}${E}[0m     ${E}[38;5;28;01mreturn${E}[39;00m call(x)`,
);
const CELLS = [
  {
    id: 'stream',
    title: 'stream',
    outputs: [
      {
        id: 's',
        output_type: 'stream',
        name: 'stdout',
        parts: [],
        text: `plain text with a link: https://docs.python.org/3/ and ${E}[1mbold${E}[0m ${E}[3mitalic${E}[0m ${E}[4munderline${E}[0m ${E}[7minverse${E}[0m\n${Array.from({ length: 8 }, (_none, at) => `${E}[3${at}mcolour ${at}${E}[0m ${E}[9${at}mbright ${at}${E}[0m`).join('  ')}\n${Array.from({ length: 36 }, (_none, at) => `${E}[48;5;${16 + at * 6}m  ${E}[0m`).join('')}\nEpoch 5/5 ${E}[32m━━━━━━━━━━━━━━━━━━━━${E}[0m 100% loss 0.312 acc 0.887\n`,
      },
      {
        id: 'e',
        output_type: 'stream',
        name: 'stderr',
        parts: [],
        text: '/usr/lib/python3/warnings.py:12: UserWarning: this is only a warning\n',
      },
    ],
  },
  {
    id: 'error',
    title: 'error',
    outputs: [
      {
        id: 'x',
        output_type: 'error',
        ename: 'ZeroDivisionError',
        evalue: 'division by zero',
        traceback: [
          `${E}[31m---------------------------------------------------------------------------${E}[39m`,
          `${E}[31mZeroDivisionError${E}[39m                         Traceback (most recent call last)`,
          ...frames,
          `${E}[31mZeroDivisionError${E}[39m: division by zero`,
        ],
      },
    ],
  },
  { id: 'table', title: 'pandas', outputs: [display('t', { 'text/html': pandas })] },
  {
    id: 'svg',
    title: 'svg',
    outputs: [
      display('v', {
        'image/svg+xml':
          '<svg xmlns="http://www.w3.org/2000/svg" width="360" height="120"><rect width="360" height="120" rx="12" fill="#b4451f" opacity=".15"/><polyline points="10,100 80,60 150,75 220,30 350,12" fill="none" stroke="#b4451f" stroke-width="4"/></svg>',
      }),
    ],
  },
  {
    id: 'json',
    title: 'json',
    outputs: [
      display('j', {
        'application/json': {
          name: 'Labora',
          stars: 12,
          ok: true,
          none: null,
          list: [1, 2, 3],
          nested: { a: { b: 'c' } },
        },
      }),
    ],
  },
  {
    id: 'latex',
    title: 'latex',
    outputs: [
      display('l', { 'text/latex': '$\\displaystyle \\int_{-\\infty}^{\\infty} e^{-x^2}\\,dx = \\sqrt{\\pi}$' }),
    ],
  },
  {
    id: 'notice',
    title: 'notice, unknown',
    outputs: [
      { id: 'n', output_type: 'labora_notice', code: 'cut', message: 'Output was cut at 256 MB.' },
      display('u', { 'application/vnd.example+json': {} }),
    ],
  },
  {
    id: 'markdown',
    title: 'text cell',
    markdown:
      '# Fashion-MNIST in a minute\n\nA *short* walk with **bold**, `code`, ~~struck~~ and [a link](https://example.org).\n\n- [x] load\n- [ ] train\n\n1. one\n2. two\n\n> A quotation, with $e^{i\\pi}+1=0$ in it.\n\n| Layer | Shape | Parameters |\n|:--|:-:|--:|\n| Dense | 784 × 128 | 100,480 |\n| Dense | 128 × 10 | 1,290 |\n\n```python\nmodel.fit(x, y)\n```\n\n$$\\mathcal{L} = -\\sum_i y_i \\log \\hat y_i$$',
  },
];

const server = await serve();
const browser = await launch(process.env.BROWSERS ?? 'chromium');
try {
  for (const theme of ['light', 'dark']) {
    for (const width of [1280, 390]) {
      const page = await newPerson(browser);
      await page.setViewport({ width, height: 2600 });
      await page.goto(`${server.url}/?file=one&theme=${theme}`);
      await page.waitForSelector('main');
      await page.evaluate((cells) => window.harness.show(cells), CELLS);
      await until('everything', () =>
        page.evaluate(
          () =>
            document.querySelectorAll('.katex').length >= 3 &&
            [...document.querySelectorAll('.lo-frame-slot')].every((slot) => slot.offsetHeight > 30),
        ),
      );
      await shot(page, `outputs-${theme}-${width}`);
      await page.browserContext().close();
    }
  }
} finally {
  await browser.close();
  await server.close();
}
