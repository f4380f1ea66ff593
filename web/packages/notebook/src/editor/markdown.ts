/** Markdown colours without the HTML, CSS and JavaScript modes that the ready-made package brings along. */
import { defineLanguageFacet, Language } from '@codemirror/language';
import { GFM, parser } from '@lezer/markdown';

const data = defineLanguageFacet({ commentTokens: { block: { open: '<!--', close: '-->' } } });

export const markdownLanguage = new Language(data, parser.configure([GFM]), [], 'markdown');
