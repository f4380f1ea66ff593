/** What the server sends and takes (docs/protocols.md, section 6). */
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

export interface Account extends Person {
  login: string;
  is_owner: boolean;
  color: number;
}

export interface File {
  id: string;
  kind: 'folder' | 'notebook' | 'file';
  name: string;
  media_type: string | null;
  size: number;
  parent_id: string | null;
  owner: Person;
  created_at: string;
  modified_at: string;
  modified_by: Person | null;
  trashed_at: string | null;
  starred: boolean;
  version: number;
  role: Role;
  abilities: Ability[];
  read_only_reason: string | null;
  shared: boolean;
  opened_at: string | null;
}
