"""Files, folders and what hangs on them; blobs are what they are made of."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)

from labora.db.schema.base import Id, Moment, folded_name, metadata

blobs = Table(
    "blobs",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("media_type", String(255), nullable=False),
    Column("created_at", Moment, nullable=False, index=True),
)


files = Table(
    "files",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("name", String(255), nullable=False),
    Column("folded_name", Text, nullable=False, default=folded_name),
    Column("media_type", String(255), nullable=False),
    Column("owner_id", Id, ForeignKey("accounts.id"), nullable=False),
    # NULL only for the root folder ("My Drive") of an account.
    Column("parent_id", Id, ForeignKey("files.id")),
    # Ids of all ancestors from the root, "/a/b/": a folder's tree is one prefix query in every database.
    Column("path", Text, nullable=False),
    Column("size", BigInteger, nullable=False, server_default="0"),
    Column("head_revision_id", Id),
    Column("created_at", Moment, nullable=False),
    Column("modified_at", Moment, nullable=False),
    Column("modified_by", Id, ForeignKey("accounts.id")),
    # trashed_at: this item was put into the trash; ancestor_trashed_at: an ancestor was.
    Column("trashed_at", Moment),
    Column("ancestor_trashed_at", Moment),
    Column("shortcut_target_id", Id, ForeignKey("files.id", ondelete="SET NULL")),
    # Optimistic locking of metadata; the ETag.
    Column("version", Integer, nullable=False, server_default="1"),
    # Why a notebook cannot be edited (bad JSON, unknown nbformat …), NULL when it can.
    Column("read_only_reason", Text),
    Column("settings", JSON, nullable=False),
    # Whether editors may share it, or only its owner.
    Column("editors_share", Boolean, nullable=False, server_default=true()),
    Column("trashed_by", Id),
    CheckConstraint("kind in ('folder', 'notebook', 'file', 'shortcut')", name="kind"),
    Index("ix_files_parent_id_folded_name", "parent_id", "folded_name"),
    Index("ix_files_owner_id_modified_at", "owner_id", "modified_at"),
    Index("ix_files_path", "path"),
    # The folders of an account, asked for by every list that goes over everything readable.
    Index("ix_files_owner_id_kind", "owner_id", "kind"),
    # What search has yet to read.
    Index("ix_files_modified_at", "modified_at"),
)

permissions = Table(
    "permissions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), nullable=False),
    # person: account_id; group: group_id; domain: anyone signed in; anyone: anyone with the link.
    Column("kind", String(16), nullable=False),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE")),
    Column("group_id", Id),
    # Lower-cased address of somebody without an account; the permission becomes theirs with the account.
    Column("email", String(254)),
    Column("role", String(16), nullable=False),
    Column("created_by", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    CheckConstraint("kind in ('person', 'group', 'domain', 'anyone')", name="kind"),
    CheckConstraint("role in ('owner', 'editor', 'commenter', 'viewer')", name="role"),
    UniqueConstraint("file_id", "kind", "account_id", "group_id"),
    Index("ix_permissions_account_id", "account_id"),
    Index("ix_permissions_group_id", "group_id"),
    Index("ix_permissions_email", "email"),
    Index("ix_permissions_expires_at", "expires_at"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("sha256", String(64), ForeignKey("blobs.sha256"), nullable=False),
    Column("size", BigInteger, nullable=False),
    # upload, autosave, mount, named, restore, before-merge, import.
    Column("kind", String(16), nullable=False),
    Column("name", String(255)),
    # Kept whatever the age, like a named one.
    Column("pinned", Boolean, nullable=False, server_default=false()),
    Column("author_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    # Ids of accounts that changed the file since the revision before, the author among them.
    Column("contributors", JSON, nullable=False, server_default="[]"),
    Column("created_at", Moment, nullable=False),
    # Where the live notebook stood: the revision is what (epoch, seq) exports to. NULL for plain files.
    Column("epoch", Id),
    Column("seq", BigInteger),
    UniqueConstraint("file_id", "number"),
    Index("ix_revisions_created_at", "created_at"),
)

recents = Table(
    "recents",
    metadata,
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), primary_key=True),
    Column("opened_at", Moment, nullable=False),
    Column("starred", Boolean, nullable=False, server_default=false()),
)

# Blobs that a file's live outputs or revisions refer to: who may read the file may read them, and the sweep keeps them.
file_blobs = Table(
    "file_blobs",
    metadata,
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), primary_key=True),
    Column("sha256", String(64), ForeignKey("blobs.sha256"), primary_key=True),
)

# Requests for access to a file that somebody has a link to but may not read.
access_requests = Table(
    "access_requests",
    metadata,
    Column("id", Id, primary_key=True),
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), nullable=False),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("role", String(16), nullable=False),
    Column("message", Text, nullable=False, server_default=""),
    Column("created_at", Moment, nullable=False),
    Column("decided_at", Moment),
    Column("decided_by", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    # The role that was given; NULL while undecided or refused.
    Column("granted_role", String(16)),
    Index("ix_access_requests_file_id_account_id", "file_id", "account_id"),
)

# Files that arrive in pieces; the pieces lie in the data folder under the upload's id.
uploads = Table(
    "uploads",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    # Where the file will be made, or whose content it will be: one of the two.
    Column("parent_id", Id, ForeignKey("files.id", ondelete="CASCADE")),
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE")),
    Column("name", String(255), nullable=False),
    Column("media_type", String(255), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False, server_default="0"),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)

comment_threads = Table(
    "comment_threads",
    metadata,
    Column("id", Id, primary_key=True),
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), nullable=False, index=True),
    # Cell that the thread hangs on; NULL for the whole notebook or file.
    Column("cell_id", String(64)),
    # Two Yjs relative positions in the cell's source, as {"start": …, "end": …} in base64; NULL for the whole cell.
    Column("anchor", JSON),
    # What the range said when the thread was begun.
    Column("quote", Text, nullable=False, server_default=""),
    Column("author_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("resolved_at", Moment),
    Column("resolved_by", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
)

comments = Table(
    "comments",
    metadata,
    Column("id", Id, primary_key=True),
    Column("thread_id", Id, ForeignKey("comment_threads.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("author_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    # Markdown; a mention is @[name](account:id).
    Column("body", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("edited_at", Moment),
    Column("deleted_at", Moment),
)

# Notebooks that may have their account's drive mounted without asking again.
mount_grants = Table(
    "mount_grants",
    metadata,
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), primary_key=True),
    Column("created_at", Moment, nullable=False),
)
