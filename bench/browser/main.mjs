// One measurement in a fresh Chromium. The job is the JSON of the first argument, the result is JSON on the last line.
import { launch, newPerson } from '../../web/e2e/src/browser.mjs';
import { JupyterPages } from './jupyter.mjs';
import { LaboraPages } from './labora.mjs';
import { works } from './works.mjs';

const PAGES = { jupyter: JupyterPages, labora: LaboraPages };
const LIMIT_MS = 120_000;

const job = JSON.parse(process.argv[2]);
const browser = await launch('chromium');
const stop = () => {
  browser.process()?.kill('SIGKILL');
  process.exit(143);
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
let code = 0;
try {
  const page = await newPerson(browser);
  page.setDefaultTimeout(LIMIT_MS);
  const pages = new PAGES[job.pages](page, job);
  await page.evaluateOnNewDocument(pages.probe);
  console.log(JSON.stringify(await works[job.work](page, pages, job)));
} catch (error) {
  console.error(`${error.message}${error.cause ? ` (${error.cause.message ?? error.cause})` : ''}`);
  code = 1;
}
await browser.close();
process.exit(code);
