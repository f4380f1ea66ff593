/** Markdown (CommonMark, GFM tables, strikethrough, autolinks, task lists, formulas) to a safe fragment. A lazy chunk. */
import createMarkdownIt, { type MarkdownIt } from 'markdown-it';
import { mathRules } from './math-rule';
import { sanitize } from './sanitize';

export interface MarkdownOptions {
  externalImages: boolean;
  /** nbformat's attachments of a cell: file name → MIME bundle with base64 data. */
  attachments?: Readonly<Record<string, Readonly<Record<string, string>>>> | undefined;
}

/** Makes a heading's text the id that links in the document use, as Jupyter and GitHub do. */
export function slug(text: string): string {
  return text.trim().replace(/\s+/g, '-').slice(0, 120);
}

function headingIds(md: MarkdownIt): void {
  md.core.ruler.push('heading_ids', (state) => {
    const used = new Map<string, number>();
    state.tokens.forEach((token, index) => {
      if (token.type !== 'heading_open') return;
      const children = state.tokens[index + 1]?.children ?? [];
      const id = slug(children.map((child) => child.content).join(''));
      const count = used.get(id) ?? 0;
      used.set(id, count + 1);
      if (id !== '') token.attrSet('id', count === 0 ? id : `${id}-${count}`);
    });
  });
}

function taskLists(md: MarkdownIt): void {
  md.core.ruler.after('inline', 'task_lists', (state) => {
    state.tokens.forEach((token, index) => {
      if (token.type !== 'inline' || state.tokens[index - 2]?.type !== 'list_item_open') return;
      const first = token.children?.[0];
      const match = /^\[([ xX])\]\s+/.exec(first?.content ?? '');
      if (first === undefined || first.type !== 'text' || match === null) return;
      first.content = first.content.slice(match[0].length);
      const box = new state.Token('html_inline', '', 0);
      const done = match[1] !== ' ';
      box.content = `<span class="lo-task${done ? ' lo-task-done' : ''}">${done ? '☑' : '☐'}</span> `;
      token.children?.unshift(box);
      state.tokens[index - 2]?.attrJoin('class', 'lo-tasks');
    });
  });
}

function attachments(md: MarkdownIt): void {
  md.core.ruler.push('attachments', (state) => {
    const all = (state.env as unknown as MarkdownOptions).attachments ?? {};
    for (const token of state.tokens.flatMap((token) => token.children ?? [])) {
      const source = token.type === 'image' ? String(token.attrGet('src') ?? '') : '';
      if (!source.startsWith('attachment:')) continue;
      let name = source.slice('attachment:'.length);
      try {
        name = decodeURIComponent(name);
      } catch {
        // A stray percent sign: the name is meant as it stands.
      }
      const bundle = Object.hasOwn(all, name) ? (all[name] ?? {}) : {};
      const mime = Object.keys(bundle).find((type) => type.startsWith('image/'));
      token.attrSet('src', mime === undefined ? '' : `data:${mime};base64,${String(bundle[mime]).replace(/\s+/g, '')}`);
    }
  });
}

function makeMarkdown(): MarkdownIt {
  const md = new createMarkdownIt({ html: true, linkify: true });
  const validate = md.validateLink.bind(md);
  md.validateLink = (url) => url.startsWith('attachment:') || validate(url);
  md.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
  md.use(mathRules).use(headingIds).use(taskLists).use(attachments);
  return md;
}

const markdown = makeMarkdown();
const latex = new createMarkdownIt('zero').use(mathRules);
latex.inline.ruler.enableOnly(['text', 'math']);
latex.block.ruler.enableOnly(['math_block', 'paragraph']);

async function typeset(fragment: DocumentFragment): Promise<void> {
  const places = fragment.querySelectorAll<HTMLElement>('.lo-math, .lo-math-block');
  if (places.length === 0) return;
  const { typesetMath } = await import('./math');
  for (const place of places) typesetMath(place, place.classList.contains('lo-math-block'));
}

/** Returns Markdown as a fragment for the page; formulas load KaTeX, and only they do. */
export async function renderMarkdown(source: string, options: MarkdownOptions): Promise<DocumentFragment> {
  const fragment = sanitize(markdown.render(source, { ...options }), options);
  for (const task of fragment.querySelectorAll('.lo-task')) task.setAttribute('role', 'img');
  await typeset(fragment);
  return fragment;
}

/** Returns a `text/latex` value: text, and formulas between the usual delimiters. */
export async function renderLatex(source: string): Promise<DocumentFragment> {
  const fragment = sanitize(latex.render(source), { externalImages: false });
  await typeset(fragment);
  return fragment;
}
