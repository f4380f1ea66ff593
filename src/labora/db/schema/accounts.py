"""Accounts, their credentials, groups and what is told to them."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
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

instance = Table(
    "instance",
    metadata,
    # One row: key/value pairs of this installation (id, HMAC keys, schema of stored formats).
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)


accounts = Table(
    "accounts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(120), nullable=False),
    # What the name is searched and sorted by (labora.base.text.folded); whoever changes the name changes it too.
    Column("folded_name", Text, nullable=False, default=folded_name),
    # Lower-cased sign-in name (an e-mail address or a plain name); unique.
    Column("login", String(254), nullable=False, unique=True),
    Column("password_hash", Text),
    Column("is_owner", Boolean, nullable=False, server_default=false()),
    Column("disabled_at", Moment),
    Column("created_at", Moment, nullable=False),
    # Index into the presence palette, 0–11.
    Column("color", Integer, nullable=False, server_default="0"),
    # Address that an invitation was sent to, which its person has therefore proved to read; NULL for none.
    Column("email", String(254)),
    # Whether notices are sent by e-mail too.
    Column("email_notices", Boolean, nullable=False, server_default=true()),
    Index("ix_accounts_email", "email"),
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

groups = Table(
    "groups",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String(120), nullable=False),
    Column("folded_name", Text, nullable=False, unique=True, default=folded_name),
    Column("created_by", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("created_at", Moment, nullable=False),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", Id, ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True, index=True),
    # A manager adds and removes members.
    Column("is_manager", Boolean, nullable=False, server_default=false()),
    Column("added_at", Moment, nullable=False),
)

# What an account is told: shared with you, asked for access, mentioned you.
notifications = Table(
    "notifications",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    # shared, access_requested, access_granted, access_refused, owner_changed, comment, mention, comment_resolved.
    Column("kind", String(32), nullable=False),
    Column("actor_id", Id, ForeignKey("accounts.id", ondelete="SET NULL")),
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE")),
    Column("details", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("read_at", Moment),
    Index("ix_notifications_account_id_created_at", "account_id", "created_at"),
)

# E-mail that is still to be sent, or was; the sender empties it with patience.
mail = Table(
    "mail",
    metadata,
    Column("id", Id, primary_key=True),
    Column("recipient", String(254), nullable=False),
    Column("subject", String(254), nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("next_try_at", Moment, nullable=False, index=True),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("sent_at", Moment),
    Column("error", Text),
)

# What a request with an Idempotency-Key was answered, so that its repeat is the same request.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("key", String(255), primary_key=True),
    # SHA-256 of method, path and body: another request under the same key is refused.
    Column("request_sha256", String(64), nullable=False),
    Column("status", Integer),
    Column("body", JSON),
    Column("created_at", Moment, nullable=False, index=True),
)

# A person's GitHub token, sealed with a key that lies beside the database (labora.drive.exchange.tokens).
github_tokens = Table(
    "github_tokens",
    metadata,
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("login", String(254), nullable=False),
    Column("scopes", String(254), nullable=False, server_default=""),
    Column("created_at", Moment, nullable=False),
)

# Secrets of accounts, sealed likewise (labora.secrets).
secrets = Table(
    "secrets",
    metadata,
    Column("id", Id, primary_key=True),
    Column("account_id", Id, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("sealed", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    UniqueConstraint("account_id", "name"),
)

# Notebooks in which code of the secret's account may read it.
secret_grants = Table(
    "secret_grants",
    metadata,
    Column("secret_id", Id, ForeignKey("secrets.id", ondelete="CASCADE"), primary_key=True),
    Column("file_id", Id, ForeignKey("files.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("created_at", Moment, nullable=False),
)
