/** The third store: what only this tab knows. Which cell is active, what is selected, which dialog is open. */
import { Emitter, Store } from '@labora/document';

export type DialogName =
  | 'palette'
  | 'shortcuts'
  | 'bin'
  | 'share'
  | 'settings'
  | 'open'
  | 'sessions'
  | 'downloadAs'
  | 'toGitHub'
  | 'toGist'
  | 'badge'
  | 'formField'
  | 'formAttributes';

export interface Preferences {
  lineNumbers: boolean;
  contents: boolean;
  /** The list of comments. */
  comments: boolean;
  /** Desktop notifications, where the browser allows them. */
  notify: boolean;
}

const KEY = 'labora.notebook';

function storedPreferences(): Preferences {
  const first = { lineNumbers: false, contents: false, comments: false, notify: false };
  try {
    return { ...first, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Preferences>) };
  } catch {
    return first;
  }
}

/** How a cell stands: `edit` has the caret in it, `active` takes the keys of command mode, `selected` is one of several. */
export type CellStand = 'none' | 'selected' | 'active' | 'edit';

export class Interface {
  readonly #emitter = new Emitter();
  readonly preferences = new Store<Preferences>(storedPreferences());
  readonly dialog = new Store<DialogName | null>(null);
  /** The panel of secrets while it is open; `add` is the name of one that is to be added. */
  readonly secrets = new Store<{ add: string | null } | null>(null);
  /** Whether the panel of data sets is open. */
  readonly datasets = new Store(false);
  /** Cells whose run was asked for and not yet confirmed: they show as queued at once. */
  readonly asked = new Store<ReadonlySet<string>>(new Set());
  /** A cell that was moved and is to be seen where it is now. */
  readonly revealed = new Store<{ id: string } | null>(null);
  /** What a screen reader is told. */
  readonly announcement = new Store('');
  /** First key of a two-stroke shortcut that waits for the second. */
  readonly chord = new Store<string | null>(null);
  #active: string | null = null;
  #anchor: string | null = null;
  #selected: ReadonlySet<string> = new Set();
  #editing = false;

  get active(): string | null {
    return this.#active;
  }

  get anchor(): string | null {
    return this.#anchor;
  }

  get editing(): boolean {
    return this.#editing;
  }

  get selected(): ReadonlySet<string> {
    return this.#selected;
  }

  readonly onCell = (id: string, listener: () => void): (() => void) => this.#emitter.on(id, listener);
  readonly onSelection = (listener: () => void): (() => void) => this.#emitter.on('', listener);

  stand(id: string): CellStand {
    if (id === this.#active) return this.#editing ? 'edit' : 'active';
    return this.#selected.has(id) ? 'selected' : 'none';
  }

  /** Makes one cell the active one and the whole selection. */
  activate(id: string | null, editing = false): void {
    this.#set(id, id === null ? new Set() : new Set([id]), editing, id);
  }

  select(active: string, selected: ReadonlySet<string>, anchor: string | null): void {
    this.#set(active, selected, false, anchor);
  }

  setPreference<K extends keyof Preferences>(key: K, value: Preferences[K]): void {
    this.preferences.patch({ [key]: value } as Partial<Preferences>);
    try {
      localStorage.setItem(KEY, JSON.stringify(this.preferences.get()));
    } catch {
      // Storage is blocked: the choice lasts as long as the page.
    }
  }

  announce(text: string): void {
    this.announcement.set(text);
  }

  #set(active: string | null, selected: ReadonlySet<string>, editing: boolean, anchor: string | null): void {
    const touched = new Set([...this.#selected, ...selected]);
    for (const id of [this.#active, active]) if (id !== null) touched.add(id);
    const before = new Map([...touched].map((id) => [id, this.stand(id)]));
    this.#active = active;
    this.#selected = selected;
    this.#editing = editing;
    this.#anchor = anchor;
    for (const [id, stand] of before) if (stand !== this.stand(id)) this.#emitter.emit(id);
    this.#emitter.emit('');
  }
}
