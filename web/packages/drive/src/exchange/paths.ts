/** Addresses of this server that stand for notebooks elsewhere. */

/** The page of what a person typed: an owner, a repository, or an address of GitHub. */
export function githubPath(text: string): string {
  const parts = text
    .trim()
    .replace(/^https?:\/\/[^/]+\//, '')
    .split('/')
    .filter(Boolean);
  return `/github/${parts.map(encodeURIComponent).join('/')}`;
}

/** What an address of this server names, as the text that a person would paste; null for the form that asks. */
export function placeOf({ pathname, search, hash }: { pathname: string; search: string; hash: string }): string | null {
  if (pathname.startsWith('/url')) return new URLSearchParams(search).get('u') || null;
  // A gist's own pages name a file by the fragment.
  return pathname + (hash.startsWith('#file-') ? hash : '');
}
