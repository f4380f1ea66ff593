// What a browser does in each measurement. Times are milliseconds; `performance.now()` is this process's clock.
const AGAIN_MS = 250;
const SETTLED_MS = 3_000;

/** Tells the harness that a timed part begins ("begin") or has ended ("shown"); returns the time. */
function mark(name) {
  console.log(name);
  return performance.now();
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until cell n can be clicked; returns its editor. */
const editor = (page, n) => page.waitForFunction((at) => window.__bench?.editor(at), { polling: 'mutation' }, n);

/** Puts the caret into cell n. */
async function caret(page, n) {
  // What stands for the editor may be replaced by it at the very moment of the click: then once more.
  for (;;) {
    try {
      await (await editor(page, n)).click();
      await page.waitForFunction((at) => window.__bench.focused(at), { polling: 'mutation', timeout: 2_000 }, n);
      return;
    } catch (error) {
      if (!/not clickable|detached|not an Element|Waiting failed/i.test(error.message)) throw error;
    }
  }
}

async function pressRun(page) {
  await page.keyboard.down('Control');
  await page.keyboard.press('Enter');
  await page.keyboard.up('Control');
}

/**
 * Runs the cell with the caret until its value is shown. Where a run that is pressed early may be lost, it is pressed
 * again every quarter of a second, which favours such a page.
 */
async function run(page, pages, n, value, polling = 'mutation') {
  let shown = false;
  const there = page
    .waitForFunction((at, text) => window.__bench.value(at) === text, { polling }, n, value)
    .then(() => (shown = true));
  let presses = 0;
  while (!shown) {
    if (presses === 0 || (pages.losesRuns && !(await page.evaluate((at) => window.__bench.started(at), n)))) {
      await pressRun(page);
      presses += 1;
    }
    await Promise.race([there, sleep(AGAIN_MS)]);
  }
  return presses;
}

/** From the press on "Sign in" to the output of a cell that is run as soon as it is there. */
async function signIn(page, pages) {
  await pages.fillSignIn();
  const began = mark('begin');
  await pages.submitSignIn();
  await caret(page, 0);
  const editorMs = performance.now() - began;
  const presses = await run(page, pages, 0, '2');
  return { output_ms: performance.now() - began, editor_ms: editorMs, presses };
}

/** From the address of a notebook to the output of what was typed into its first cell. */
async function open(page, pages, job) {
  await pages.enter();
  const began = mark('begin');
  await page.goto(job.url + job.path, { waitUntil: 'domcontentloaded' });
  await caret(page, 0);
  const editorMs = performance.now() - began;
  await page.keyboard.down('Control');
  await page.keyboard.press('a');
  await page.keyboard.up('Control');
  await page.keyboard.type('6*7');
  const presses = await run(page, pages, 0, '42');
  const outputMs = mark('shown') - began;
  // What the page still fetches in the background belongs to its weight.
  await sleep(job.linger_ms ?? 0);
  return { output_ms: outputMs, editor_ms: editorMs, presses };
}

/** Runs `1+1` again and again: from each key press to its new output in the page. */
async function keys(page, pages, job) {
  await pages.enter();
  await page.goto(job.url + job.path, { waitUntil: 'domcontentloaded' });
  await caret(page, 0);
  await run(page, pages, 0, '2');
  await sleep(SETTLED_MS);
  await page.evaluate(() => {
    addEventListener(
      'keydown',
      (event) => {
        if (event.key !== 'Enter' || !event.ctrlKey) return;
        const before = window.__bench.result(0);
        const text = before?.textContent;
        const observer = new MutationObserver(() => {
          const now = window.__bench.result(0);
          if (!now || (now === before && now.textContent === text)) return;
          observer.disconnect();
          window.__took = performance.now() - event.timeStamp;
        });
        observer.observe(document.body, { subtree: true, childList: true, characterData: true });
      },
      true,
    );
  });
  const output = [];
  for (let at = 0; at < job.runs + job.warm_up; at += 1) {
    await page.evaluate(() => (window.__took = null));
    await pressRun(page);
    const handle = await page.waitForFunction(() => window.__took, { polling: 5, timeout: 10_000 });
    if (at >= job.warm_up) output.push(await handle.jsonValue());
    await sleep(50);
  }
  return { output_ms: output };
}

/** Runs a long program, cell 0, in a kernel that cell 1 has started; keeps the result as the page shows it at the end. */
async function long(page, pages, job) {
  await pages.enter();
  await page.goto(job.url + job.path, { waitUntil: 'domcontentloaded' });
  await caret(page, 1);
  await run(page, pages, 1, '2');
  await sleep(SETTLED_MS);
  await caret(page, 0);
  const began = mark('begin');
  await run(page, pages, 0, "'DONE'", 100);
  const outputMs = mark('shown') - began;
  await pages.save();
  await sleep(SETTLED_MS);
  return { output_ms: outputMs };
}

export const works = { 'sign-in': signIn, open, keys, long };
