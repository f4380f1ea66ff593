// Debian's Chromium over CDP and Debian's Firefox ESR over WebDriver BiDi, through one library.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';

const SHOTS = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../shots');
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

/** Starts a browser ("chromium" or "firefox") with an empty profile. */
export async function launch(name, { width = 1280, height = 800 } = {}) {
  const viewport = { defaultViewport: { width, height } };
  const browser =
    name === 'firefox'
      ? await puppeteer.launch({
          browser: 'firefox',
          executablePath: process.env.FIREFOX_BIN ?? '/usr/bin/firefox-esr',
          headless: true,
          extraPrefsFirefox: {
            'network.captive-portal-service.enabled': false,
            'network.connectivity-service.enabled': false,
          },
          ...viewport,
        })
      : await puppeteer.launch({
          executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium',
          headless: true,
          args: CHROMIUM_FLAGS,
          ...viewport,
        });
  browser.labora = name;
  return browser;
}

/** Opens a page in a context of its own: another person, or the same one at another machine. */
export async function newPerson(browser, problems = []) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.on('pageerror', (error) => problems.push(`page error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`);
  });
  page.setDefaultTimeout(30_000);
  return page;
}

/** Waits until `check` answers something true; polls, so that it works for what no event tells. */
export async function until(what, check, timeout = 30_000) {
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

/** Saves a screenshot for a person to look at. */
export async function shot(page, name) {
  mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SHOTS, `${name}.png`) });
}
