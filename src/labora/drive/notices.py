"""What accounts are told about items: shared with you, asked for access, mentioned you."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.base.ids import new_id
from labora.db import note
from labora.db.schema import notifications
from labora.drive.letters import write_letters

TOLD = "told"
"""Topic under which the accounts that were told are noted, for whoever shows it at once."""


class NoticeKind(StrEnum):
    """Why somebody is told."""

    SHARED = "shared"
    ACCESS_REQUESTED = "access_requested"
    ACCESS_GRANTED = "access_granted"
    ACCESS_REFUSED = "access_refused"
    OWNER_CHANGED = "owner_changed"
    COMMENT = "comment"
    MENTION = "mention"
    COMMENT_RESOLVED = "comment_resolved"


async def tell(
    connection: AsyncConnection,
    account_ids: Iterable[str],
    kind: NoticeKind,
    *,
    actor_id: str | None,
    file_id: str,
    details: Mapping[str, Any],
    now: str,
) -> list[str]:
    """Writes one notice per account in the caller's transaction, but none to the actor, and letters likewise.

    Args:
        details: what the reader needs beside the file and the actor, such as a role or the beginning of a comment;
            ``message`` or ``text`` of it is quoted in letters.
        now: the moment, as it is stored.

    Returns:
        the accounts that were told.
    """
    told = sorted(set(account_ids) - {actor_id})
    rows = [
        {
            "id": new_id(),
            "account_id": account_id,
            "kind": kind,
            "actor_id": actor_id,
            "file_id": file_id,
            "details": dict(details),
            "created_at": now,
        }
        for account_id in told
    ]
    if rows:
        await connection.execute(insert(notifications), rows)
        await write_letters(connection, told, kind, actor_id=actor_id, file_id=file_id, details=details, now=now)
        note(connection, TOLD, told)
    return told
