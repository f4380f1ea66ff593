// A page in light and dark, wide and narrow: axe-core finds nothing, and a picture may be kept to look at.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { PICTURES } from './journey.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const LOOKS = ['light', 'dark'].flatMap((theme) => [1280, 390].map((width) => ({ theme, width })));

async function check(page, what) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async () => {
    const { violations } = await window.axe.run(document, {
      // What is inside a frame of outputs is the author's.
      iframes: false,
    });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map((node) => `${id}: ${node.target} ${node.failureSummary.split('\n')[1]?.trim()}`),
    );
  });
  assert.deepEqual(found, [], what);
}

/**
 * Checks the page as it stands in every look, and leaves it wide.
 *
 * What axe looks at (names, roles, colours) is the same in either browser: Chromium answers for both.
 */
export async function looksRight(t, page, what) {
  if (t.isFirefox && !PICTURES) return;
  for (const { theme, width } of LOOKS) {
    await page.setViewport({ width, height: 800 });
    await page.evaluate((name) => (document.documentElement.dataset.theme = name), theme);
    await page.evaluate(() => {
      // What pulses while something runs never finishes.
      const ending = document.getAnimations().filter((one) => one.effect.getComputedTiming().endTime !== Infinity);
      return Promise.all(ending.map((one) => one.finished.catch(() => {})));
    });
    await t.shot(page, `${what}-${theme}-${width}`);
    if (!t.isFirefox) await check(page, `${what} ${theme} ${width}`);
  }
  await page.setViewport({ width: 1280, height: 800 });
}
