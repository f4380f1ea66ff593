/**
 * A library that no package of this server holds and that the notebook's own runtime has: pydeck brings the program that
 * draws its maps, of exactly its version, and names a public network for it. Where the output is this person's, of a
 * runtime that is there, the program comes from it.
 */
const PROGRAMS: readonly { address: RegExp; module: string }[] = [
  {
    address: /(?:https?:)?\/\/cdn\.jsdelivr\.net\/npm\/@deck\.gl\/jupyter-widget@[\w.~*^-]+\/dist\/index\.js/g,
    module: 'pydeck',
  },
];

/** The outputs that come after wait for this one. */
const PATIENCE_MS = 15_000;

let ask: ((module: string) => Promise<string | null>) | null = null;
const places = new Map<string, string>();

/** Says how the program of a module is had; null where it is not installed, or the runtime is not this person's. */
export function fromRuntime(source: (module: string) => Promise<string | null>): void {
  ask = source;
}

/** Returns the text with the addresses of such programs written anew, and whether one of them could not be had. */
export async function runtimeLibraries(text: string): Promise<{ text: string; lacks: boolean }> {
  let lacks = false;
  for (const { address, module } of PROGRAMS) {
    if (text.search(address) < 0) continue;
    const place = places.get(module) ?? (await placeOf(module));
    if (place === null) lacks = true;
    else text = text.replaceAll(address, place);
  }
  return { text, lacks };
}

async function placeOf(module: string): Promise<string | null> {
  const late = new Promise<null>((resolve) => setTimeout(resolve, PATIENCE_MS, null));
  const program = (await Promise.race([ask?.(module), late])) ?? null;
  if (program === null) return null;
  const place = URL.createObjectURL(new Blob([program], { type: 'text/javascript' }));
  places.set(module, place);
  return place;
}
