import { describe, expect, test } from 'vitest';
import { parseAnsi, PLAIN, safeLink, splitLinks, stripAnsi } from '../src/core/ansi';

const ESC = '\u001b';
const runs = (text: string) => parseAnsi(text).runs;

describe('parseAnsi', () => {
  test('reads the sixteen colours, the 256 and the true ones', () => {
    expect(runs(`${ESC}[31mred${ESC}[0m plain`)).toEqual([
      { text: 'red', style: { fg: 1 } },
      { text: ' plain', style: {} },
    ]);
    expect(runs(`${ESC}[97;44mx`)[0]?.style).toEqual({ fg: 15, bg: 4 });
    expect(runs(`${ESC}[38;5;196mx`)[0]?.style).toEqual({ fg: 'rgb(255 0 0)' });
    expect(runs(`${ESC}[48;5;244mx`)[0]?.style).toEqual({ bg: 'rgb(128 128 128)' });
    expect(runs(`${ESC}[38;2;1;2;3mx`)[0]?.style).toEqual({ fg: 'rgb(1 2 3)' });
    expect(runs(`${ESC}[38:2::1:2:3mx`)[0]?.style).toEqual({ fg: 'rgb(1 2 3)' });
    expect(runs(`${ESC}[38;5;7;1mx`)[0]?.style).toEqual({ fg: 7, bold: true });
  });

  test('reads bold, italic, underline and inverse, and takes each back', () => {
    const { runs: found, style } = parseAnsi(`${ESC}[1;3;4;7ma${ESC}[22;23;24;27mb`);
    expect(found[0]?.style).toEqual({ bold: true, italic: true, underline: true, inverse: true });
    expect(Object.values(style).some(Boolean)).toBe(false);
  });

  test('goes on where the text before it ended', () => {
    const first = parseAnsi(`${ESC}[32mgre`);
    expect(parseAnsi('en', first.style).runs).toEqual([{ text: 'en', style: { fg: 2 } }]);
  });

  test('drops what moves the cursor, titles, controls and unfinished sequences', () => {
    expect(stripAnsi(`a${ESC}[2K${ESC}[1;1H${ESC}]0;title\u0007b\u0000\u0008c${ESC}(B${ESC}[?25l${ESC}[3`)).toBe('abc');
    expect(runs(`${ESC}[>4;1mx`)[0]?.style).toEqual({});
  });

  test('colours out of range change nothing', () => {
    for (const code of ['38;5;999', '38;2;300;0;0', '38;5', '38;2;1', '1e9', '999999999999']) {
      expect(runs(`${ESC}[${code}mx`)[0]?.style, code).toEqual({});
    }
  });

  test('links of OSC 8 are web addresses or nothing', () => {
    const link = (url: string) => runs(`${ESC}]8;;${url}${ESC}\\text${ESC}]8;;${ESC}\\`)[0]?.style.href;
    expect(link('https://example.org/a')).toBe('https://example.org/a');
    for (const bad of [
      'javascript:alert(1)',
      'data:text/html,x',
      'file:///etc/passwd',
      'vbscript:x',
      '//host/x',
      ' javascript:1',
    ]) {
      expect(link(bad), bad).toBeUndefined();
    }
  });

  test('is linear in the worst input', () => {
    const started = performance.now();
    for (const piece of [`${ESC}]8;;`, `${ESC}[`, `${ESC}[1;`, ESC, 'https://']) {
      const text = piece.repeat(100_000);
      parseAnsi(text);
      splitLinks(text);
    }
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test('nothing that is text gets lost', () => {
    const text = 'héllo 漢字 👩‍🔬\tend\n';
    expect(parseAnsi(text)).toEqual({ runs: [{ text, style: PLAIN }], style: PLAIN });
  });
});

test('splitLinks finds addresses and leaves the punctuation after them', () => {
  expect(splitLinks('see https://a.org/b?c=1. (http://x.org) <https://y.org>')).toEqual([
    { text: 'see ' },
    { text: 'https://a.org/b?c=1', href: 'https://a.org/b?c=1' },
    { text: '. (' },
    { text: 'http://x.org', href: 'http://x.org/' },
    { text: ') <' },
    { text: 'https://y.org', href: 'https://y.org/' },
    { text: '>' },
  ]);
});

test('safeLink refuses what is not a web or mail address', () => {
  expect(safeLink('mailto:a@b.org')).toBe('mailto:a@b.org');
  for (const url of ['javascript:1', 'JaVaScRiPt:1', 'data:,x', '/path', '', 'x'.repeat(5_000)])
    expect(safeLink(url)).toBeUndefined();
});
