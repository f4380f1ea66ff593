/**
 * HTML from people and kernels made fit for the app's own page: markup and text stay, everything that could act,
 * impersonate the app or reach its handlers goes. Its result enters the page through the policy `sanitizer` only.
 */
import createDOMPurify, { type Config, type DOMPurify } from 'dompurify';
import { say } from './strings';

const TAGS = [
  'a', 'abbr', 'b', 'bdi', 'bdo', 'blockquote', 'br', 'caption', 'center', 'cite', 'code', 'col', 'colgroup', 'dd',
  'del', 'details', 'dfn', 'div', 'dl', 'dt', 'em', 'figcaption', 'figure', 'font', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6',
  'hr', 'i', 'img', 'ins', 'kbd', 'li', 'mark', 'ol', 'p', 'pre', 'q', 'rp', 'rt', 'ruby', 's', 'samp', 'small', 'span',
  'strike', 'strong', 'sub', 'summary', 'sup', 'table', 'tbody', 'td', 'tfoot', 'th', 'thead', 'time', 'tr', 'tt', 'u',
  'ul', 'var', 'wbr',
]; // prettier-ignore

const ATTRIBUTES = [
  'align', 'alt', 'border', 'cellpadding', 'cellspacing', 'class', 'color', 'colspan', 'dir', 'height', 'href', 'id',
  'lang', 'open', 'rowspan', 'scope', 'size', 'span', 'src', 'start', 'style', 'title', 'type', 'valign', 'value',
  'width',
]; // prettier-ignore

/** Properties that colour and space content, and can move nothing over the page. */
const STYLES = new Set([
  'background', 'background-color', 'border', 'border-bottom', 'border-collapse', 'border-color', 'border-left',
  'border-radius', 'border-right', 'border-spacing', 'border-style', 'border-top', 'border-width', 'color', 'font',
  'font-family', 'font-size', 'font-style', 'font-weight', 'height', 'letter-spacing', 'line-height', 'list-style-type',
  'margin', 'margin-bottom', 'margin-left', 'margin-right', 'margin-top', 'max-height', 'max-width', 'min-width',
  'padding', 'padding-bottom', 'padding-left', 'padding-right', 'padding-top', 'text-align', 'text-decoration',
  'text-indent', 'text-transform', 'vertical-align', 'white-space', 'width', 'word-break',
]); // prettier-ignore

/** The only class names that markup may carry: ours for Markdown, and none that the rest of the app listens to. */
const CLASSES = new Set(['language-mermaid', 'lo-math', 'lo-math-block', 'lo-task', 'lo-task-done', 'lo-tasks']);

/** Ids get this prefix, so that none can stand where the app looks up its own elements or globals. */
export const ID_PREFIX = 'user-content-';

export interface SanitizeOptions {
  externalImages: boolean;
}

/** Returns what is left of a `style` attribute. */
export function cleanStyle(style: string): string {
  if (style.length > 4_000) return '';
  return style
    .split(';')
    .flatMap((declaration) => {
      const at = declaration.indexOf(':');
      const name = declaration.slice(0, at).trim().toLowerCase();
      const value = declaration.slice(at + 1).trim();
      const bad = /[\\@<>{}]|\/\*|url\s*\(|image|expression|var\s*\(|attr\s*\(|env\s*\(/i.test(value);
      const pulled = /^(margin|text-indent|letter-spacing)/.test(name) && value.includes('-');
      return at > 0 && STYLES.has(name) && !bad && !pulled ? [`${name}: ${value}`] : [];
    })
    .join('; ');
}

function cleanImage(img: Element, options: SanitizeOptions): void {
  const source = img.getAttribute('src') ?? '';
  if (/^data:image\/(png|jpeg|gif|webp|svg\+xml)[;,]/i.test(source)) return;
  const match = /^https?:\/\/([^/?#]{1,253})/i.exec(source);
  img.removeAttribute('src');
  if (match !== null && options.externalImages) {
    img.setAttribute('src', source);
    img.setAttribute('referrerpolicy', 'no-referrer');
    img.setAttribute('loading', 'lazy');
    return;
  }
  const alt = img.getAttribute('alt') ?? '';
  const label = match === null ? alt : say('externalImage', { host: match[1] ?? '' });
  img.replaceWith(img.ownerDocument.createTextNode(label === '' ? '' : `[${label}]`));
}

function cleanLink(anchor: Element): void {
  const href = (anchor.getAttribute('href') ?? '').trim();
  if (href === '') return;
  if (href.startsWith('#')) {
    anchor.setAttribute('href', `#${ID_PREFIX}${href.slice(1)}`);
  } else if (/^(https?:\/\/|mailto:)/i.test(href)) {
    anchor.setAttribute('target', '_blank');
    anchor.setAttribute('rel', 'noopener noreferrer');
  } else {
    anchor.removeAttribute('href');
  }
}

interface TrustedTypesFactory {
  createPolicy(name: string, rules: object): Config['TRUSTED_TYPES_POLICY'];
}

let purify: DOMPurify | null = null;
let policy: Config['TRUSTED_TYPES_POLICY'] | undefined;

function purifier(): DOMPurify {
  if (purify !== null) return purify;
  const factory = (window as { trustedTypes?: TrustedTypesFactory }).trustedTypes;
  // The markup goes to DOMPurify's own inert document only; nothing else may use this policy.
  policy = factory?.createPolicy('sanitizer', { createHTML: (html: string) => html, createScriptURL: () => '' });
  purify = createDOMPurify(window);
  purify.addHook('uponSanitizeAttribute', (_node, data) => {
    if (data.attrName === 'style') data.attrValue = cleanStyle(data.attrValue);
    if (data.attrName === 'id') data.attrValue = ID_PREFIX + data.attrValue.replace(/\s+/g, '-').slice(0, 200);
    if (data.attrName === 'class') {
      data.attrValue = data.attrValue
        .split(/\s+/)
        .filter((name) => CLASSES.has(name) || /^language-[\w+-]{1,40}$/.test(name))
        .join(' ');
    }
    if (['style', 'class'].includes(data.attrName) && data.attrValue === '') data.keepAttr = false;
  });
  return purify;
}

/**
 * Renames the event handlers in tags. They would be removed anyway; but Chromium reports a violation of the page's
 * policy for each one as soon as it is parsed, even in a document that never runs, and hides real ones among them.
 */
function muteHandlers(html: string): string {
  return html.replace(/<[a-z][^<>]*>/gi, (tag) => tag.replace(/([\s"'/])on(?=\w+\s*=)/gi, '$1x-on'));
}

/** Parses markup inside a template, whose document has no window: nothing loads and nothing runs. */
function parseInert(html: string): HTMLElement {
  const template = document.createElement('template');
  const trusted: unknown = policy?.createHTML(html) ?? html;
  template.innerHTML = trusted as string;
  const root = template.content.ownerDocument.createElement('div');
  root.append(template.content);
  return root;
}

/** Returns markup as a fragment that is safe in the app's page. */
export function sanitize(html: string, options: SanitizeOptions): DocumentFragment {
  const cleaner = purifier();
  const root = parseInert(muteHandlers(html));
  cleaner.sanitize(root, {
    IN_PLACE: true,
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    SANITIZE_DOM: true,
    KEEP_CONTENT: true,
    FORBID_CONTENTS: [
      'script',
      'style',
      'iframe',
      'object',
      'template',
      'noscript',
      'svg',
      'math',
      'title',
      'textarea',
    ],
    ...(policy === undefined ? {} : { TRUSTED_TYPES_POLICY: policy }),
  });
  // An element that is already made cannot lose what `is` made it; it only loses the name.
  for (const element of root.querySelectorAll('[is]')) element.removeAttribute('is');
  for (const img of root.querySelectorAll('img')) cleanImage(img, options);
  for (const anchor of root.querySelectorAll('a')) cleanLink(anchor);
  const fragment = document.createDocumentFragment();
  fragment.append(...root.childNodes);
  return fragment;
}
