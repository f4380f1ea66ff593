/**
 * Running the scripts of outputs. Markup put into a page by a parser after the fact runs no script, so each one is made
 * anew, in document order; one that loads from elsewhere holds those after it back, as while a page loads. All outputs
 * of the cell share one queue and one global scope.
 */
import { isShutOut } from './libraries';

let queue: Promise<void> = Promise.resolve();

/** Runs `task` after everything queued before it, whatever came of that. */
export function enqueue(task: () => Promise<void>): Promise<void> {
  queue = queue.then(task).catch((error: unknown) => report(error));
  return queue;
}

function report(error: unknown): void {
  // The developer tools of whoever wrote the output are the place for it.
  setTimeout(() => {
    throw error;
  });
}

const CLASSIC = new Set(['', 'text/javascript', 'application/javascript', 'text/ecmascript', 'application/ecmascript']);
const SCRIPT_MS = 15_000;

function loaded(script: HTMLScriptElement): Promise<void> {
  return new Promise((resolve) => {
    script.addEventListener('load', () => resolve());
    script.addEventListener('error', () => resolve());
    setTimeout(resolve, SCRIPT_MS);
  });
}

/** Whether an address is of a script that Colab served beside outputs: what it would define is here from the start. */
function isBuiltIn(address: string): boolean {
  return address.startsWith(new URL('/nbextensions/google.colab/', location.href).href);
}

async function runScript(old: HTMLScriptElement): Promise<void> {
  const type = old.type.trim().toLowerCase();
  if (!CLASSIC.has(type) && type !== 'module' && type !== 'importmap') return;
  if (isShutOut(old.src) || isBuiltIn(old.src)) return;
  const script = document.createElement('script');
  for (const attribute of old.attributes) script.setAttribute(attribute.name, attribute.value);
  script.text = old.text;
  // A script made by another one does not wait its turn unless told to.
  const waits = script.src !== '' && !old.hasAttribute('async');
  script.async = !waits;
  const done = waits ? loaded(script) : null;
  old.replaceWith(script);
  await done;
}

/** Runs every script inside `root`, in order. */
export async function runScripts(root: ParentNode): Promise<void> {
  for (const script of root.querySelectorAll('script')) {
    if (script.isConnected) await runScript(script);
  }
}

/** Runs one program in the global scope, with `element` standing for its place in the page. */
export function runProgram(code: string, place: HTMLElement): void {
  (window as unknown as { element: HTMLElement }).element = place;
  const script = document.createElement('script');
  script.text = code;
  place.append(script);
}

/** `document.write` after the page has loaded would wipe it; the text goes to where the running script stands. */
export function tameDocumentWrite(): void {
  const write = (...pieces: string[]) => {
    const html = pieces.join('');
    const current = document.currentScript;
    const template = document.createElement('template');
    template.innerHTML = html;
    const scripts = template.content.querySelector('script') !== null;
    const box = document.createElement('span');
    box.append(template.content);
    if (current === null) document.getElementById('output-area')?.append(box);
    else current.after(box);
    if (scripts) void enqueue(() => runScripts(box));
  };
  document.write = write;
  document.writeln = (...pieces: string[]) => write(...pieces, '\n');
  document.close = () => {};
}

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as new (body: string) => () => Promise<unknown>;
// Indirect: the program sees the global scope and nothing of this module. Running programs is what a frame is for.
// oxlint-disable-next-line eslint/no-eval
const globalEval = eval;

/** Evaluates a program in the global scope and returns what its last expression gives; `await` may stand at its top. */
export async function evaluate(code: string): Promise<unknown> {
  if (!/\bawait\b|\breturn\b/.test(code) || parses(code)) return await globalEval(code);
  return await compile(code)();
}

/** Whether this is a script as it stands. It is not run for that: a program that fails must not run once more. */
function parses(code: string): boolean {
  try {
    globalEval(`throw null;\n${code}`);
  } catch (error) {
    return error === null;
  }
  return true;
}

function compile(code: string): () => Promise<unknown> {
  try {
    return new AsyncFunction(`return (${code.trim().replace(/;+$/, '')}\n)`);
  } catch {
    return new AsyncFunction(code);
  }
}
