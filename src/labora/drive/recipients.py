"""Whom a permission is given to."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.base.errors import InvalidError, NotFoundError
from labora.base.text import clean_address
from labora.db.schema import accounts, groups
from labora.drive.letters import owner_of_address


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person, an address, a group, everybody signed in (``domain``) or ``anyone`` with the link.

    Attributes:
        email: the address that was named; the account beside it, if any, is nothing that the giver is told.
    """

    kind: str
    account_id: str | None = None
    group_id: str | None = None
    email: str | None = None


async def find_recipient(
    connection: AsyncConnection,
    *,
    account_id: str | None,
    login: str | None,
    email: str | None,
    group_id: str | None,
    kind: str | None,
) -> Recipient:
    """Returns who is named by one of the arguments.

    Raises InvalidError for none or several, NotFoundError for an account or a group that does not exist.
    """
    given = [value for value in (account_id, login, email, group_id) if value is not None]
    if kind in {"domain", "anyone"} and not given:
        return Recipient(kind)
    if len(given) != 1 or kind not in {None, "person" if group_id is None else "group"}:
        raise InvalidError(
            "Name one of account_id, login, email and group_id, or kind domain or anyone.", code="bad_person"
        )
    if group_id is not None:
        if await connection.scalar(select(groups.c.id).where(groups.c.id == group_id)) is None:
            raise NotFoundError("There is no such group.", code="no_such_group")
        return Recipient("group", group_id=group_id)
    if email is not None:
        address = clean_address(email)
        return Recipient("person", await owner_of_address(connection, address), email=address)
    known = accounts.c.id == account_id if account_id is not None else accounts.c.login == (login or "").strip().lower()
    found = await connection.scalar(select(accounts.c.id).where(accounts.c.disabled_at.is_(None), known))
    if found is None:
        raise NotFoundError(
            "Nobody with an account here goes by this name. Share with an e-mail address, or ask the owner of this "
            "server to invite them.",
            code="no_such_account",
        )
    return Recipient("person", str(found))
