// Runs before the first paint, so that a dark page never flashes white. A file of its own: the page's content policy
// knows no inline script. The setting is "light", "dark" or absent (follow the system); see @labora/ui theme.ts.
(function () {
  let chosen = null;
  try {
    chosen = localStorage.getItem('labora.theme');
  } catch {
    /* storage may be blocked: follow the system */
  }
  const dark = chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
})();
