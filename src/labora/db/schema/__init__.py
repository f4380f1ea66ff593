"""Every table, for the whole product. Rooms read and write only their own, in their ``store.py``.

Times are RFC 3339 text in UTC with milliseconds (:func:`labora.base.clock.timestamp`): they sort as text and read the
same in every database. Ids are :func:`labora.base.ids.new_id`. JSON columns hold what only programs look into.
"""

from __future__ import annotations

from labora.db.schema.accounts import (
    accounts,
    api_tokens,
    audit_log,
    github_tokens,
    group_members,
    groups,
    idempotency_keys,
    instance,
    login_attempts,
    login_sessions,
    mail,
    notifications,
    one_time_links,
    secret_grants,
    secrets,
)
from labora.db.schema.base import metadata
from labora.db.schema.drive import (
    access_requests,
    blobs,
    comment_threads,
    comments,
    file_blobs,
    files,
    kept_blobs,
    kept_bytes,
    mount_grants,
    permissions,
    quotas,
    recents,
    revisions,
    uploads,
)
from labora.db.schema.rooms import journal, playgrounds, private_blobs, private_outputs, rooms
from labora.db.schema.runtimes import runtime_policies, runtime_resets, runtimes, warm_runtimes

__all__ = [
    "access_requests",
    "accounts",
    "api_tokens",
    "audit_log",
    "blobs",
    "comment_threads",
    "comments",
    "file_blobs",
    "files",
    "github_tokens",
    "group_members",
    "groups",
    "idempotency_keys",
    "instance",
    "journal",
    "kept_blobs",
    "kept_bytes",
    "login_attempts",
    "login_sessions",
    "mail",
    "metadata",
    "mount_grants",
    "notifications",
    "one_time_links",
    "permissions",
    "playgrounds",
    "private_blobs",
    "private_outputs",
    "quotas",
    "recents",
    "revisions",
    "rooms",
    "runtime_policies",
    "runtime_resets",
    "runtimes",
    "secret_grants",
    "secrets",
    "uploads",
    "warm_runtimes",
]
