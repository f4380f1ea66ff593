/** Text of a `.env` file. */

export interface EnvEntry {
  name: string;
  value: string;
}

const LINE = /^\s*(?:export\s+)?([^\s=#/]+)\s*=\s*(.*)$/;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/** Reads `NAME=value` lines; the last one of a name counts, what is none is left out. */
export function readEnv(text: string): EnvEntry[] {
  const found = new Map<string, string>();
  const lines = text.split(/\r?\n/);
  for (let at = 0; at < lines.length; at++) {
    const [, name, first = ''] = LINE.exec(lines[at] ?? '') ?? [];
    if (!name) continue;
    const quote = first[0];
    if (quote !== '"' && quote !== "'") {
      found.set(name, first.replace(/(^|\s)#.*$/, '').trim());
      continue;
    }
    // A quoted value may go on for lines, such as a key.
    let rest = first.slice(1);
    let end = closing(rest, quote);
    let next = at;
    while (end < 0 && next + 1 < lines.length) {
      rest += `\n${lines[++next]}`;
      end = closing(rest, quote);
    }
    if (end >= 0) at = next;
    const body = end < 0 ? first : rest.slice(0, end);
    found.set(
      name,
      quote === '"' && end >= 0 ? body.replace(/\\(.)/g, (_, sign: string) => ESCAPES[sign] ?? sign) : body,
    );
  }
  return [...found].map(([name, value]) => ({ name, value }));
}

function closing(text: string, quote: string): number {
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\' && quote === '"') at++;
    else if (text[at] === quote) return at;
  }
  return -1;
}
