/** What the server sends and takes (docs/protocols.md, section 6). Times are ISO 8601 in UTC, sizes are bytes. */
export type Ability =
  | 'read'
  | 'download'
  | 'copy'
  | 'comment'
  | 'read_history'
  | 'edit'
  | 'rename'
  | 'share'
  | 'move'
  | 'trash'
  | 'delete'
  | 'transfer';

export type Role = 'owner' | 'editor' | 'commenter' | 'viewer';

export interface Person {
  id: string;
  name: string;
}

export interface PersonWithLogin extends Person {
  login: string;
}

export interface Account extends PersonWithLogin {
  is_owner: boolean;
  /** Index of the presence colour, 0 to 11. */
  color: number;
  disabled_at?: string | null;
  created_at?: string;
}

export interface Instance {
  name: string;
  version: string;
  setup_needed: boolean;
  instance_id: string;
}

export interface File {
  id: string;
  kind: 'folder' | 'notebook' | 'file' | 'shortcut';
  name: string;
  media_type: string | null;
  size: number | null;
  parent_id: string | null;
  owner: Person;
  created_at: string;
  modified_at: string;
  modified_by: Person | null;
  trashed_at: string | null;
  starred: boolean;
  /** Counts changes of name, place and trash; sent as `If-Match`. */
  version: number;
  role: Role;
  abilities: Ability[];
  read_only_reason: string | null;
  shared: boolean;
  opened_at: string | null;
}

export interface FilePage {
  files: File[];
  nextPageToken: string | null;
}

export type View = 'drive' | 'shared' | 'recent' | 'trash';

export interface ListQuery {
  view?: View;
  /** A folder's id, or `root` for the asker's own drive. */
  folder?: string;
  /** Part of a name; with view drive and no folder everything readable is searched. */
  q?: string;
  pageToken?: string;
  pageSize?: number;
  /** Keys with an optional ` desc`, comma separated: `folder,name`, `modified_at desc` … */
  orderBy?: string;
}

export interface FileChange {
  name?: string;
  parent_id?: string;
  trashed?: boolean;
  starred?: boolean;
}

export interface Permission {
  id: string;
  kind: string;
  role: Role;
  account: Person | null;
  login: string | null;
  expires_at: string | null;
  /** The folder that gives this role, where it is not given here. */
  inherited_from: string | null;
}

export interface Revision {
  id: string;
  number: number;
  size: number;
  kind: string;
  name: string | null;
  author: Person | null;
  created_at: string;
}

export interface ApiToken {
  id: string;
  label: string;
  scopes: string[];
  created_at: string;
  last_used_at: string | null;
  expires_at: string | null;
}

export interface NewApiToken extends ApiToken {
  /** Shown once; the server keeps only its digest. */
  secret: string;
}

export interface Invitation {
  id: string;
  label: string;
  created_at: string;
  expires_at: string;
  used_at: string | null;
}

export interface OneTimeLink {
  id?: string;
  url: string;
}

export interface Image {
  name: string;
  status: 'missing' | 'preparing' | 'ready' | 'failed';
  progress: { label: string; fraction: number | null } | null;
  message: string | null;
}
