"""``labora user quota``: how much accounts and groups may store, beside the setting ``drive.quota_bytes``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy import select

from labora.accounts import Accounts
from labora.base.clock import SystemClock
from labora.base.errors import InvalidError, NotFoundError
from labora.base.settings import Settings
from labora.base.text import folded
from labora.cli.options import Config, DataDir
from labora.cli.users import find_account, with_database_of

if TYPE_CHECKING:
    from labora.db import Database
    from labora.drive.quota import SubjectKind

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}


def quota(
    login: Annotated[str | None, typer.Argument(help="Sign-in name of the account.")] = None,
    size: Annotated[str | None, typer.Argument(help="500M, 20G; none: no limit; inherit: what else holds.")] = None,
    group: Annotated[str | None, typer.Option(help="A group instead of an account.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Tells, or sets, what an account or the members of a group may store. An account's own limit goes first."""
    if group is not None and size is None:
        login, size = None, login
    if (login is None) == (group is None):
        raise InvalidError("Name an account, or a group with --group.")
    limit = _read(size) if size not in (None, "inherit") else None

    async def work(database: Database, settings: Settings) -> None:
        from labora.drive.quota import Quotas

        quotas = Quotas(database, settings.drive, SystemClock())
        kind, subject = await _subject(database, settings, login, group)
        if size == "inherit":
            await quotas.inherit(kind, subject)
        elif size is not None:
            await quotas.set(kind, subject, limit)
        if kind == "account":
            usage = await quotas.usage(subject)
            print(f"{login}: {_words(usage.total)} stored, {_words(usage.trash)} of it in the trash only")
            print(f"limit: {'no limit' if usage.limit is None else _words(usage.limit)}")
        else:
            own = await quotas.exceptions()
            known = own.get((kind, subject), "inherit")
            print(f"{group}: {'as others' if known == 'inherit' else 'no limit' if known is None else _words(known)}")

    with_database_of(config, data_dir, work)


async def _subject(
    database: Database, settings: Settings, login: str | None, group: str | None
) -> tuple[SubjectKind, str]:
    from labora.db.schema import groups

    if login is not None:
        return "account", (await find_account(Accounts(database, settings.accounts), login)).id
    async with database.read() as connection:
        found = await connection.scalar(select(groups.c.id).where(groups.c.folded_name == folded(group or "")))
    if found is None:
        raise NotFoundError(f"There is no group {group}.")
    return "group", str(found)


def _read(text: str | None) -> int | None:
    """Returns bytes, None for "none". Raises InvalidError."""
    if text is None or text == "none":
        return None
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise InvalidError(f"'{text}' is no size. Write 500M, 20G, none or inherit.")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def _words(size: int | str) -> str:
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} B" if unit == "B" else f"{value:,.1f} {unit}"
