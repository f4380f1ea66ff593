/** Colours of code, the same in an editor and in the still picture of one. */
import { syntaxHighlighting } from '@codemirror/language';
import { pythonLanguage } from '@codemirror/lang-python';
import type { Parser } from '@lezer/common';
import { highlightCode, tagHighlighter, tags } from '@lezer/highlight';

const highlighter = tagHighlighter([
  {
    tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword, tags.definitionKeyword, tags.moduleKeyword],
    class: 'tok-keyword',
  },
  { tag: [tags.string, tags.special(tags.string), tags.docString], class: 'tok-string' },
  { tag: [tags.number, tags.bool, tags.null, tags.self], class: 'tok-number' },
  { tag: [tags.comment, tags.lineComment, tags.quote], class: 'tok-comment' },
  {
    tag: [tags.function(tags.variableName), tags.function(tags.definition(tags.variableName)), tags.heading],
    class: 'tok-function',
  },
  {
    tag: [
      tags.className,
      tags.definition(tags.className),
      tags.typeName,
      tags.standard(tags.variableName),
      tags.meta,
      tags.link,
      tags.url,
    ],
    class: 'tok-builtin',
  },
  {
    tag: [tags.operator, tags.arithmeticOperator, tags.compareOperator, tags.punctuation, tags.processingInstruction],
    class: 'tok-operator',
  },
  { tag: tags.strong, class: 'tok-strong' },
  { tag: tags.emphasis, class: 'tok-emphasis' },
  { tag: tags.monospace, class: 'tok-string' },
]);

export const codeColours = syntaxHighlighting(highlighter);

export interface Token {
  text: string;
  style: string;
}

/** Longer sources stay plain outside an editor: a single line of megabytes must not hold the page up. */
const LONGEST = 60_000;

/** Lines of coloured text. */
export function colour(source: string, parser: Parser | null): Token[] {
  if (!parser || source.length > LONGEST) return [{ text: source, style: '' }];
  const tokens: Token[] = [];
  highlightCode(
    source,
    parser.parse(source),
    highlighter,
    (text, style) => tokens.push({ text, style }),
    () => tokens.push({ text: '\n', style: '' }),
  );
  return tokens;
}

/** The parser for a notebook's language, or null where there is none. */
export function parserFor(language: string): Parser | null {
  return /^i?python\d*$/i.test(language) ? pythonLanguage.parser : null;
}
