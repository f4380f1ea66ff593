/**
 * markdown-it rules for `$…$`, `$$…$$` and `\begin{…}…\end{…}`, with pandoc's conditions for a dollar sign that means
 * money: an opening one has no space after it, a closing one no space before and no digit after it.
 */
import { type MarkdownIt } from 'markdown-it';

const ENVIRONMENT =
  /^\\begin\{((?:equation|align|alignat|gather|multline|eqnarray|split|cases|[bpvBV]?matrix|array)\*?)\}/;

/** Returns the index of the closing delimiter after `from`, or -1; a backslash takes the meaning from a dollar sign. */
function closing(text: string, delimiter: string, from: number): number {
  for (let at = text.indexOf(delimiter, from); at >= 0; at = text.indexOf(delimiter, at + 1)) {
    let slashes = 0;
    while (text[at - 1 - slashes] === '\\') slashes += 1;
    if (slashes % 2 === 0) return at;
  }
  return -1;
}

export function mathRules(md: MarkdownIt): void {
  md.inline.ruler.before('escape', 'math', (state, silent) => {
    const { src, pos } = state;
    if (src[pos] !== '$') return false;
    const display = src[pos + 1] === '$';
    const open = pos + (display ? 2 : 1);
    const end = closing(src, display ? '$$' : '$', open);
    if (end <= open || end >= state.posMax) return false;
    const content = src.slice(open, end);
    if (!display && (/^\s|\s$/.test(content) || /\d/.test(src[end + 1] ?? ''))) return false;
    if (content.trim() === '') return false;
    if (!silent) {
      const token = state.push(display ? 'math_block' : 'math_inline', 'span', 0);
      token.content = content;
    }
    state.pos = end + (display ? 2 : 1);
    return true;
  });

  md.block.ruler.before(
    'fence',
    'math_block',
    (state, startLine, endLine, silent) => {
      const at = (state.bMarks[startLine] ?? 0) + (state.tShift[startLine] ?? 0);
      if ((state.sCount[startLine] ?? 0) - state.blkIndent >= 4) return false;
      const rest = state.src.slice(at, state.eMarks[endLine - 1]);
      const environment = ENVIRONMENT.exec(rest);
      const dollars = rest.startsWith('$$');
      if (!dollars && environment === null) return false;
      const close = environment === null ? '$$' : `\\end{${environment[1]}}`;
      const end = dollars ? closing(rest, '$$', 2) : rest.indexOf(close);
      if (end < 0) return false;
      const stop = at + end + close.length;
      let line = startLine;
      while (line < endLine && (state.eMarks[line] ?? 0) < stop) line += 1;
      // Text after the closing delimiter makes it a paragraph with a formula in it.
      if (line >= endLine || state.src.slice(stop, state.eMarks[line]).trim() !== '') return false;
      if (silent) return true;
      const token = state.push('math_block', 'div', 0);
      token.block = true;
      token.content = dollars ? rest.slice(2, end) : rest.slice(0, end + close.length);
      token.map = [startLine, line + 1];
      state.line = line + 1;
      return true;
    },
    { alt: ['paragraph', 'reference', 'blockquote', 'list'] },
  );

  md.renderer.rules['math_inline'] = (tokens, index) =>
    `<span class="lo-math">${md.utils.escapeHtml(tokens[index]?.content ?? '')}</span>`;
  md.renderer.rules['math_block'] = (tokens, index) =>
    `<span class="lo-math-block">${md.utils.escapeHtml(tokens[index]?.content ?? '')}</span>`;
}
