// The app's shell without the server: this worker keeps the app's own files and nothing that belongs to a person. It
// never answers for the API, for frames or for other origins. The build fills in the version and the files.
const VERSION = '__VERSION__';
const FILES = __FILES__;
const PREFIX = 'labora-shell-';
const NAME = PREFIX + VERSION;
const PAGE = '/index.html';
/** A proxy answers so while the server behind it is away. */
const AWAY = new Set([502, 503, 504]);

self.addEventListener('install', (event) => {
  event.waitUntil(fill());
});

self.addEventListener('activate', (event) => {
  event.waitUntil(Promise.all([sweep(), self.clients.claim()]));
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== location.origin) return;
  if (/^\/(api|frame|out\.html)/.test(url.pathname)) return;
  if (request.mode === 'navigate') event.respondWith(page(request));
  else if (FILES.includes(url.pathname) || url.pathname.startsWith('/assets/')) event.respondWith(file(request));
});

async function fill() {
  const cache = await caches.open(NAME);
  const page = await fetch('/', { cache: 'no-cache' });
  if (!page.ok) throw new Error('The page could not be fetched.');
  await Promise.all([cache.put(PAGE, page), cache.addAll(FILES)]);
  // Names of files carry their content, so that a new worker serves pages of the build before as well.
  await self.skipWaiting();
}

/** Keeps this version and the one before, whose pages may still be open. */
async function sweep() {
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== NAME);
  await Promise.all(names.slice(0, -1).map((name) => caches.delete(name)));
}

/** The page comes from the server whenever that can be reached. */
async function page(request) {
  try {
    const answer = await fetch(request);
    if (!AWAY.has(answer.status)) return answer;
    return (await shell()) ?? answer;
  } catch (error) {
    const kept = await shell();
    if (kept) return kept;
    throw error;
  }
}

async function shell() {
  return (await caches.open(NAME)).match(PAGE);
}

/** Files under /assets/ never change; theme.js and the icon are taken anew where the server answers. */
async function file(request) {
  const fixed = new URL(request.url).pathname.startsWith('/assets/');
  const kept = await caches.match(request, { ignoreVary: true });
  if (fixed && kept) return kept;
  return fetch(request).catch((error) => kept ?? Promise.reject(error));
}
