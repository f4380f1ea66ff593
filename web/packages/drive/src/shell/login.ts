/** Where to sign in, and to come back to exactly what is shown: its place and its search too. */
export function loginAddress(): string {
  const here = location.pathname + location.search + location.hash;
  return here === '/' ? '/login' : `/login?next=${encodeURIComponent(here)}`;
}
