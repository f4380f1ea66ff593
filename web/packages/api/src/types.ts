/**
 * What the server sends and takes: names for the shapes that are generated from its OpenAPI document (schema.gen.ts).
 * Times are ISO 8601 in UTC, sizes are bytes.
 */
import type { components } from './schema.gen';

type Schemas = components['schemas'];

export type File = Schemas['FileAnswer'];
export type Ability = File['abilities'][number];
export type Role = File['role'];
/** A file that arrives in pieces, and how far it is. */
export type UploadState = Schemas['UploadAnswer'];
/** What the account stores and may store. */
export type About = Schemas['About'];
export type FilePage = Schemas['FileList'];
/** What a shortcut leads to. */
export type Target = Schemas['TargetAnswer'];
/** How much lies below a folder, at any depth. */
export type FolderContents = Schemas['ContentsAnswer'];
export type BatchResult = Schemas['BatchResult'];
/** One change of many files: one of the four. */
export type BatchChange = { parent_id: string } | { trashed: boolean } | { starred: boolean } | { delete: true };
export type SearchPage = Schemas['SearchAnswer'];
export type SearchResult = Schemas['SearchResult'];
export type Snippet = Schemas['SnippetAnswer'];
export type Person = Schemas['PersonAnswer'];
export type PersonWithLogin = Schemas['PersonWithLogin'];
/** The asker's own account; `color` is the index of the presence colour. */
export type Account = Schemas['AccountAnswer'];
/** An account as the owner of the server sees it. */
export type AccountForOwner = Schemas['AccountForOwner'];
export type Instance = Schemas['Instance'];
export type Permission = Schemas['PermissionAnswer'];
/** A role that can be given; ownership is passed on. */
export type GivenRole = Schemas['PermissionBody']['role'];
export type Revision = Schemas['RevisionAnswer'];
export type RevisionPage = Schemas['RevisionList'];
export interface RevisionChange {
  /** Null takes the name away. */
  name?: string | null;
  pinned?: boolean;
}
/** How one notebook differs from another, cell by cell. */
export type NotebookDiff = Schemas['DiffAnswer'];
export type CellDiff = Schemas['CellDiffAnswer'];
export type CellSide = Schemas['CellSideAnswer'];
export type DiffLine = Schemas['LineAnswer'];
export type KeyChange = Schemas['KeyChangeAnswer'];
export interface FileDiffQuery {
  /** The notebook it is compared with. */
  against: string;
  revision?: string;
  againstRevision?: string;
}
/** How far taking outputs out of old revisions got; `last` null when nothing is left. */
export type Stripped = Schemas['StrippedAnswer'];
/** The asker's own playground of a notebook, and for how many days it stays without use. */
export type Playground = Schemas['PlaygroundAnswer'];
/** A comment with its replies; `content` is Markdown in which a mention is `@[name](account:id)`. */
export type Comment = Schemas['CommentAnswer'];
export type CommentReply = Schemas['ReplyAnswer'];
export type CommentPage = Schemas['CommentList'];
export type NewComment = Schemas['CommentBody'];
export type Mentionable = Schemas['MentionableAnswer'];
export type ApiToken = Schemas['TokenAnswer'];
export type TokenScope = Schemas['TokenBody']['scopes'][number];
/** A token with its secret, which is shown once. */
export type MountGrant = Schemas['MountGrant'];
export type NewApiToken = Schemas['NewToken'];
export type Invitation = Schemas['InvitationAnswer'];
export type NewInvitation = Schemas['NewInvitation'];
export type InvitationPage = Schemas['InvitationPage'];
export type OneTimeLink = Schemas['Link'];
export type Image = Schemas['ImageAnswer'];
/** One machine of an account, with its clocks, what it uses and the notebooks that run on it. */
export type Runtime = Schemas['RuntimeAnswer'];
/** What the owner of the server sees: everybody's machines, and how many stand ready for whoever runs something next. */
export type Port = Schemas['PortAnswer'];
export type PortAddress = Schemas['PortAddressAnswer'];
export type AllRuntimes = Schemas['AllRuntimes'];
export type RuntimeKernel = Schemas['KernelAnswer'];
export type EndedRuntime = Schemas['EndedRuntime'];
export type RuntimeHistory = Schemas['History'];

export type View = 'drive' | 'shared' | 'recent' | 'starred' | 'trash';

export interface ListQuery {
  view?: View;
  /** A folder's id, or `root` for the asker's own drive. */
  folder?: string;
  /** Part of a name; with view drive and no folder everything readable is searched. */
  name?: string;
  /** A condition in the language of Google Drive's `q`. */
  q?: string;
  pageToken?: string;
  pageSize?: number;
  /** Items that are left out before the page: a jump into the middle of a long list. */
  skip?: number;
  /** Keys with an optional ` desc`, comma separated: `folder,name`, `modified_at desc` … */
  orderBy?: string;
}

export interface SearchQuery {
  /** Words, "phrases", beginnings*, -without. */
  text: string;
  where?: Snippet['where'];
  kind?: File['kind'];
  /** `me`, `others` or an account's id. */
  owner?: string;
  modifiedFrom?: string;
  folder?: string;
  pageToken?: string;
  pageSize?: number;
}

export interface FileChange {
  name?: string;
  parent_id?: string;
  trashed?: boolean;
  starred?: boolean;
}
