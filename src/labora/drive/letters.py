"""E-mail about items, as rows of the table ``mail`` in the transaction that causes it; a sender empties the table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.base.ids import new_id
from labora.base.mail import SITE, WAITS
from labora.base.text import is_address, one_line
from labora.db import note
from labora.db.schema import accounts, files, mail

_SUBJECT_LENGTH = 200
_SUBJECTS = {
    "shared": "{actor} shared “{file}” with you",
    "access_requested": "{actor} asks for access to “{file}”",
    "access_granted": "You were given access to “{file}”",
    "access_refused": "Your request for access was declined",
    "owner_changed": "{actor} made you the owner of “{file}”",
    "comment": "{actor} commented on “{file}”",
    "mention": "{actor} mentioned you in “{file}”",
    "comment_resolved": "{actor} resolved a comment on “{file}”",
}
_NAMELESS = frozenset({"access_refused"})
"""Kinds whose reader may not know what the item is called."""


async def write_letters(
    connection: AsyncConnection,
    account_ids: Iterable[str],
    kind: str,
    *,
    actor_id: str | None,
    file_id: str,
    details: Mapping[str, Any],
    now: str,
) -> None:
    """Writes one letter to each account that has an address and wants letters."""
    query = select(accounts.c.login, accounts.c.email).where(
        accounts.c.id.in_(list(account_ids)), accounts.c.email_notices.is_(True), accounts.c.disabled_at.is_(None)
    )
    addresses = {address for row in await connection.execute(query) if (address := address_of(row.email, row.login))}
    if not addresses:
        return
    subject = await _subject(connection, kind, actor_id, file_id)
    said = details.get("reply_id") or details.get("comment_id")
    place = f"#comment={said}" if said else ""
    body = _body(subject, str(details.get("message") or details.get("text") or ""), f"{SITE}/drive/{file_id}{place}")
    body += f"\nYou can switch these e-mails off: {SITE}/settings\n"
    await put_letters(connection, addresses, subject, body, now)


async def write_invitation(
    connection: AsyncConnection,
    address: str,
    *,
    actor_id: str | None,
    file_id: str,
    message: str,
    invitation: str | None,
    now: str,
) -> None:
    """Writes to somebody without an account what was shared with them and how they get to it."""
    subject = await _subject(connection, "shared", actor_id, file_id)
    if invitation is not None:
        how = f"Make an account to open it. This link is for you alone and works once:\n{SITE}{invitation}"
    else:
        how = f"You need an account for this address to open it. The owner of {SITE} can invite you."
    await put_letters(connection, [address], subject, _body(subject, message, how), now)


async def put_letters(connection: AsyncConnection, addresses: Iterable[str], subject: str, body: str, now: str) -> None:
    """Queues the same letter to several addresses."""
    rows = [
        {
            "id": new_id(),
            "recipient": address,
            "subject": subject[:_SUBJECT_LENGTH],
            "body": body,
            "created_at": now,
            "next_try_at": now,
        }
        for address in sorted(addresses)
    ]
    await connection.execute(insert(mail), rows)
    note(connection, WAITS, len(rows))


def address_of(email: str | None, login: str) -> str | None:
    """Returns where an account reads e-mail: the address it was invited by, or a sign-in name that is one."""
    return email or (login if is_address(login) else None)


async def owner_of_address(connection: AsyncConnection, address: str) -> str | None:
    """Returns the account that proved to read an address, when there is one that may sign in.

    Who only took it for a sign-in name is not meant.
    """
    query = select(accounts.c.id).where(accounts.c.email == address, accounts.c.disabled_at.is_(None))
    return await connection.scalar(query.order_by(accounts.c.created_at))


async def _subject(connection: AsyncConnection, kind: str, actor_id: str | None, file_id: str) -> str:
    actor = await connection.scalar(select(accounts.c.name).where(accounts.c.id == actor_id))
    file = await connection.scalar(select(files.c.name).where(files.c.id == file_id))
    form = _SUBJECTS.get(kind, "News about “{file}”")
    shown = "" if kind in _NAMELESS else one_line(file or "")
    return form.replace("{actor}", one_line(actor or "Somebody")).replace("{file}", shown)


def _body(first: str, message: str, last: str) -> str:
    parts = [f"{first}.", *(["\n".join(f"> {line}" for line in message.splitlines())] if message.strip() else []), last]
    return "\n\n".join(parts) + "\n"
