/**
 * Outputs that load well-known libraries from public networks get them from this server: their addresses are written anew
 * before they are shown, in attributes, scripts and pages within pages alike. So they work with no network, and the
 * network learns nothing of who looks at a notebook.
 */
const HOSTS =
  'cdn\\.jsdelivr\\.net|unpkg\\.com|cdnjs\\.cloudflare\\.com|code\\.jquery\\.com|(?:maxcdn|netdna|stackpath)\\.bootstrapcdn\\.com|cdn\\.plot\\.ly|cdn\\.bokeh\\.org|cdn\\.pydata\\.org|ajax\\.googleapis\\.com|use\\.fontawesome\\.com|3dmol\\.org|3dmol\\.csb\\.pitt\\.edu';
const ADDRESS = new RegExp(`(?:https?:)?//((?:${HOSTS})/[\\w@.~*^+/-]*)(\\?noext)?`, 'gi');
const SOME = new RegExp(`//(?:${HOSTS})/`, 'i');
/** What an address was to give is known by its hash; what is given instead is not that. */
const INTEGRITY = /\s(?:integrity|crossorigin)=(?:"[^"]*"|'[^']*'|&quot;[^&]*&quot;|&#34;[^&]*&#34;)/gi;

export type Rule = readonly [name: string, pattern: string, file: string];

/** Returns whether a text mentions any network that is known here. */
export const mentionsNetwork = (text: string): boolean => SOME.test(text);

/** Where a library lies, for a page at `base`. */
export class Addresses {
  private readonly rules: readonly { name: string; pattern: RegExp; file: string }[];

  constructor(
    rules: readonly Rule[],
    private readonly base: string,
    /** Whether the network may be used for what is here in another major version only. */
    private readonly external: boolean,
  ) {
    this.rules = rules.map(([name, pattern, file]) => ({ name, pattern: new RegExp(pattern, 'i'), file }));
  }

  /** Returns the address of a library by its name. */
  library(name: string): string {
    const found = this.rules.find((rule) => rule.name === name);
    if (found === undefined) throw new Error(`There is no library ${name}.`);
    return this.base + found.file;
  }

  /** Returns the text with every address that is known here written anew. */
  rewrite(text: string): string {
    let changed = false;
    const written = text.replace(ADDRESS, (all: string, path: string, noExtension: string | undefined) => {
      const found = this.find(path);
      if (found === undefined) return all;
      changed = true;
      // RequireJS appends .js to what does not say otherwise.
      const bare = noExtension === undefined && path.endsWith('.min');
      return this.base + (bare ? found.replace(/\.js$/, '') : found) + (noExtension ?? '');
    });
    return changed ? written.replace(INTEGRITY, '') : text;
  }

  private find(path: string): string | undefined {
    return this.rules.find((rule) => rule.pattern.test(path) && !(this.external && rule.name.endsWith('-old')))?.file;
  }
}
