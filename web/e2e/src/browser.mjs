// Debian's Chromium over CDP and Debian's Firefox ESR over WebDriver BiDi, through one library.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, launch as start } from 'puppeteer-core';

const SHOTS = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../shots');
/** How long anything is waited for. Only what fails takes as long, so that it suits a machine with other work. */
const PATIENCE_MS = 60_000;
const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
];
/** What Firefox says of a page that is left while it loads. */
const CUT_OFF = /downloadable font: download failed|A ServiceWorker intercepted the request/;

/** Starts a browser ("chromium" or "firefox") with an empty profile. */
export async function launch(
  name,
  { width = 1280, height = 800, args = [], prefs = {}, acceptInsecureCerts = false } = {},
) {
  const downloads = mkdtempSync(path.join(tmpdir(), 'labora-downloads-'));
  const viewport = { defaultViewport: { width, height }, acceptInsecureCerts };
  const browser =
    name === 'firefox'
      ? await start({
          browser: 'firefox',
          executablePath: process.env.FIREFOX_BIN ?? '/usr/bin/firefox-esr',
          headless: true,
          extraPrefsFirefox: {
            'network.captive-portal-service.enabled': false,
            'network.connectivity-service.enabled': false,
            'browser.download.folderList': 2,
            'browser.download.dir': downloads,
            'browser.download.alwaysOpenPanel': false,
            ...prefs,
          },
          ...viewport,
        })
      : await start({
          executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium',
          headless: true,
          args: [...CHROMIUM_FLAGS, ...args],
          ...viewport,
        });
  browser.labora = name;
  browser.downloads = downloads;
  browser.on('disconnected', () => rmSync(downloads, { recursive: true, force: true }));
  return browser;
}

/** Opens a page in a context of its own: another person, or the same one at another machine. */
export async function newPerson(browser, problems = []) {
  // Firefox is told by its preferences instead.
  const downloadBehavior = { policy: 'allow', downloadPath: browser.downloads };
  const context = await browser.createBrowserContext(browser.labora === 'firefox' ? {} : { downloadBehavior });
  const page = await context.newPage();
  page.on('pageerror', (error) => {
    if (browser.labora !== 'firefox' || !CUT_OFF.test(error.message)) problems.push(`page error: ${error.message}`);
  });
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    const from = message
      .stackTrace()
      .map(({ url, lineNumber, columnNumber }) => `${url}:${lineNumber}:${columnNumber}`);
    problems.push(`console: ${message.text()}${from.length ? `, from ${from.slice(0, 3).join(' ')}` : ''}`);
  });
  page.setDefaultTimeout(PATIENCE_MS);
  if (browser.labora === 'firefox') goesByItself(page);
  return page;
}

/**
 * Makes `goto` and `reload` of a page in Firefox go the way a link goes, and wait for what stands then.
 *
 * Its driver takes the end of a frame that had just begun to load, which every navigation cuts off, for the end of the
 * navigation itself (NS_BINDING_ABORTED). A notebook's frames begin to load whenever they come near, so no moment before
 * a navigation is known to be free of it.
 */
function goesByItself(page) {
  const goto = page.goto.bind(page);
  const leave = async (act, address, waitUntil) => {
    await page.evaluate(
      (how, to) => {
        document.documentElement.dataset.left = '';
        // Not before this question is answered.
        setTimeout(() => location[how](...to));
      },
      act,
      address,
    );
    const shown = (early) =>
      !('left' in document.documentElement.dataset) &&
      (document.readyState === 'complete' || (early && document.readyState === 'interactive'));
    const soon = () => new Promise((resolve) => setTimeout(resolve, 5_000, false));
    // What is asked of a page that goes at that moment may never be answered.
    await until(`the page after ${act}(${address})`, () =>
      Promise.race([page.evaluate(shown, waitUntil === 'domcontentloaded'), soon()]),
    );
  };
  page.goto = async (url, { waitUntil } = {}) => {
    const [here, there] = [page.url(), new URL(url).href];
    const within = there.includes('#') && here.split('#')[0] === there.split('#')[0];
    // An empty page has nothing to cut off, and a place in the page that stands cuts nothing off.
    return here === 'about:blank' || within ? goto(url, { waitUntil }) : leave('assign', [there], waitUntil);
  };
  page.reload = ({ waitUntil } = {}) => leave('reload', [], waitUntil);
}

/** Waits until `check` answers something true; polls, so that it works for what no event tells. */
export async function until(what, check, timeout = PATIENCE_MS) {
  const end = Date.now() + timeout;
  let last;
  while (Date.now() < end) {
    try {
      last = await check();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(
    `waited ${timeout / 1000} s for ${what}; last seen: ${last instanceof Error ? last.message : JSON.stringify(last)}`,
  );
}

/** The frame that `selector` names, once `shown` (a function for the frame) answers something true in it. */
export async function frameShown(page, selector, shown) {
  const browser = page.browser();
  let where = page;
  let second = null;
  for (const from = Date.now(); Date.now() < from + PATIENCE_MS;) {
    const element = await where.$(selector);
    await element?.evaluate((frame) => frame.scrollIntoView({ block: 'nearest' }));
    const frame = await element?.contentFrame();
    // While a frame moves to a process of its own, a question to it may never be answered: ask again.
    const later = new Promise((resolve) => setTimeout(resolve, 1_000, false));
    if (frame && (await Promise.race([frame.evaluate(shown).catch(() => false), later]))) return frame;
    if (browser.labora === 'chromium' && second === null && Date.now() > from + 5_000) {
      // After a navigation the library at times loses track of such a frame; a new connection finds it where it is.
      second = await connect({ browserWSEndpoint: browser.wsEndpoint(), defaultViewport: null });
      const mark = await page.evaluate(() => (document.documentElement.dataset.driver = crypto.randomUUID()));
      for (const known of await second.pages())
        if (
          known.url() === page.url() &&
          (await known.evaluate(() => document.documentElement.dataset.driver)) === mark
        )
          where = known;
    } else await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`waited ${PATIENCE_MS / 1000} s for the frame ${selector} to show something`);
}

/** Saves a picture of a page, for a person to look at. */
export async function shot(page, name) {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SHOTS, `${name}.png`) });
}

/** Waits for the one file that `act` downloads; returns its name and text, and removes it. */
export async function downloaded(browser, act) {
  await act();
  const [name] = await until('the download', () => {
    const names = readdirSync(browser.downloads);
    return names.length === 1 && !/\.(part|crdownload)$/.test(names[0]) ? names : null;
  });
  const file = path.join(browser.downloads, name);
  const text = readFileSync(file, 'utf8');
  rmSync(file);
  return { name, text };
}
