"""Every table, for the whole product. Rooms read and write only their own, in their ``store.py``.

Times are RFC 3339 text in UTC with milliseconds (:func:`labora.base.clock.timestamp`): they sort as text and read the
same in every database. Ids are :func:`labora.base.ids.new_id`. JSON columns hold what only programs look into.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from labora.base.text import folded

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _folded_name(context: Any) -> str:
    return folded(context.get_current_parameters()["name"])


Id = String(32)
Moment = String(24)

instance = Table(
    "instance",
    metadata,
    # One row: key/value pairs of this installation (id, HMAC keys, schema of stored formats).
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# -- accounts ---------------------------------------------------------------------------------------------------------

accounts = Table(
    "accounts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(120), nullable=False),
    # What the name is searched and sorted by (labora.base.text.folded); whoever changes the name changes it too.
    Column("folded_name", Text, nullable=False, default=_folded_name),
    # Lower-cased sign-in name (an e-mail address or a plain name); unique.
    Column("login", String(254), nullable=False, unique=True),
    Column("password_hash", Text),
    Column("is_owner", Boolean, nullable=False, server_default=false()),
    Column("disabled_at", Moment),
    Column("created_at", Moment, nullable=False),
    # Index into the presence palette, 0–11.
    Column("color", Integer, nullable=False, server_default="0"),
)

login_sessions = Table(
    "login_sessions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("secret_sha256", String(64), nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("user_agent", String(256), nullable=False, server_default=""),
    Column("address", String(64), nullable=False, server_default=""),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("label", String(120), nullable=False),
    Column("secret_sha256", String(64), nullable=False, unique=True),
    # Space-separated: "read", "write", "run".
    Column("scopes", String(120), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_used_at", Moment),
    Column("expires_at", Moment),
)

one_time_links = Table(
    "one_time_links",
    metadata,
    # Setup of the owner, invitation of an account, reset of a password.
    Column("id", Id, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("secret_sha256", String(64), nullable=False, unique=True),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE")),
    Column("created_by", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("label", String(254), nullable=False, server_default=""),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    CheckConstraint("kind in ('setup', 'invitation', 'reset')", name="kind"),
)

login_attempts = Table(
    "login_attempts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    # SHA-256 of "account:<login>" or "address:<ip>": guesses are counted without keeping names that do not exist.
    Column("subject", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_login_attempts_subject_at", "subject", "at"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False, index=True),
    Column("actor_id", Id),
    Column("action", String(64), nullable=False),
    Column("object_id", Id),
    Column("details", JSON, nullable=False),
)

# -- blobs ------------------------------------------------------------------------------------------------------------

blobs = Table(
    "blobs",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("media_type", String(255), nullable=False),
    Column("created_at", Moment, nullable=False, index=True),
)

# -- drive ------------------------------------------------------------------------------------------------------------

files = Table(
    "files",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("name", String(255), nullable=False),
    Column("folded_name", Text, nullable=False, default=_folded_name),
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
    CheckConstraint("kind in ('folder', 'notebook', 'file', 'shortcut')", name="kind"),
    Index("ix_files_parent_id_folded_name", "parent_id", "folded_name"),
    Index("ix_files_owner_id_modified_at", "owner_id", "modified_at"),
    Index("ix_files_path", "path"),
)

permissions = Table(
    "permissions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), nullable=False),
    # person: account_id; group: group_id (later); domain: anyone signed in; anyone: anyone with the link.
    Column("kind", String(16), nullable=False),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE")),
    Column("group_id", Id),
    Column("role", String(16), nullable=False),
    Column("created_by", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    CheckConstraint("kind in ('person', 'group', 'domain', 'anyone')", name="kind"),
    CheckConstraint("role in ('owner', 'editor', 'commenter', 'viewer')", name="role"),
    UniqueConstraint("file_id", "kind", "account_id", "group_id"),
    Index("ix_permissions_account_id", "account_id"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("id", Id, primary_key=True),
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("sha256", String(64), ForeignKey("blobs.sha256"), nullable=False),
    Column("size", BigInteger, nullable=False),
    # upload, autosave, named, restore, before-merge, import.
    Column("kind", String(16), nullable=False),
    Column("name", String(255)),
    Column("author_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("created_at", Moment, nullable=False),
    # Where the live notebook stood: the revision is what (epoch, seq) exports to. NULL for plain files.
    Column("epoch", Id),
    Column("seq", BigInteger),
    UniqueConstraint("file_id", "number"),
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

# -- rooms ------------------------------------------------------------------------------------------------------------

rooms = Table(
    "rooms",
    metadata,
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), primary_key=True),
    Column("epoch", Id, nullable=False),
    # Everything up to and including this sequence number is in ``document`` and ``state``.
    Column("checkpoint_seq", BigInteger, nullable=False),
    # Yjs update (v1) that rebuilds the document with its history.
    Column("document", LargeBinary, nullable=False),
    # Server-written state: outputs, executions, queue … as labora.rooms.state writes it.
    Column("state", JSON, nullable=False),
    # Whether work goes on without a browser (a runtime, a queue): such rooms are loaded when the process starts.
    Column("live", Boolean, nullable=False, server_default=false()),
    # Lease of the process that owns the room, for several control planes later.
    Column("lease_owner", Id),
    Column("lease_fence", BigInteger, nullable=False, server_default="0"),
)

journal = Table(
    "journal",
    metadata,
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("epoch", Id, nullable=False),
    Column("kind", String(8), nullable=False),
    # update: Yjs update (v1); event: JSON in UTF-8.
    Column("payload", LargeBinary, nullable=False),
    Column("account_id", Id),
    Column("at", Moment, nullable=False),
    CheckConstraint("kind in ('update', 'event')", name="kind"),
)

# -- runtimes ---------------------------------------------------------------------------------------------------------

runtimes = Table(
    "runtimes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("provider", String(32), nullable=False),
    Column("image", String(120), nullable=False),
    Column("shape", JSON, nullable=False),
    # running or ended: what should be; a reconcile loop makes it true.
    Column("desired", String(16), nullable=False),
    # starting, ready, ended.
    Column("status", String(16), nullable=False),
    Column("generation", Integer, nullable=False, server_default="1"),
    # Provider's own record: slot, pid, start time, socket, isolation level.
    Column("handle", JSON, nullable=False),
    Column("exit_reason", String(32)),
    Column("exit_details", JSON),
    Column("created_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("last_execution_at", Moment),
    Column("last_input_at", Moment),
    Column("deadline_at", Moment),
    Column("ended_at", Moment),
    # What it used in all its life, as far as it was measured; kept for the account's history.
    Column("cpu_seconds", Float),
    Column("peak_memory_bytes", BigInteger),
    CheckConstraint("desired in ('running', 'ended')", name="desired"),
    Index("ix_runtimes_account_id_ended_at", "account_id", "ended_at"),
)

# What runtimes of whom may use. NULL is inherited: from the groups, then from everyone, then from the settings.
runtime_policies = Table(
    "runtime_policies",
    metadata,
    Column("subject_kind", String(16), primary_key=True),
    # Id of the account or group; "" for everyone.
    Column("subject_id", Id, primary_key=True),
    Column("idle_timeout_s", Float),
    Column("max_lifetime_s", Float),
    Column("memory_bytes", BigInteger),
    Column("cpus", Float),
    Column("processes", Integer),
    Column("disk_bytes", BigInteger),
    Column("max_runtimes", Integer),
    Column("changed_at", Moment, nullable=False),
    CheckConstraint("subject_kind in ('everyone', 'group', 'account')", name="subject_kind"),
)

# When an account reset its runtimes; only what the limit on resets still counts is kept.
runtime_resets = Table(
    "runtime_resets",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_runtime_resets_account_id_at", "account_id", "at"),
)
