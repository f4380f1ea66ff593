"""Lists of files: one SQL query a page, filtered by access, continued by key."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Principal, visible
from labora.base.errors import InvalidError
from labora.base.text import folded
from labora.db.schema import files, recents
from labora.drive.filters import opened_at, present, shared_with

VIEWS = ("drive", "shared", "recent", "trash", "starred", "search")
MAX_PAGE = 1000

_KEYS: dict[str, ColumnElement[Any]] = {
    "folder": case((files.c.kind == "folder", 0), else_=1),
    "name": files.c.folded_name,
    "modified_at": files.c.modified_at,
    "created_at": files.c.created_at,
    "size": files.c.size,
    "opened_at": opened_at,
    "trashed_at": func.coalesce(files.c.trashed_at, ""),
}
_DEFAULTS = {
    "drive": "folder,name",
    "shared": "modified_at desc",
    "recent": "opened_at desc",
    "trash": "trashed_at desc",
    "starred": "folder,name",
    "search": "modified_at desc",
}


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list asks for.

    Attributes:
        view: one of :data:`VIEWS`; ``drive`` lists ``folder_id``.
        folder_id: the folder that ``drive`` lists.
        text: part of a name; with view ``drive`` and no folder it searches everything readable.
        q: a condition in the language of :mod:`labora.drive.language`; with view ``drive`` and no folder likewise.
        order_by: keys of the list, comma separated, each with an optional `` desc``.
        page_size: rows a page, at most 1000.
        page_token: of the page before.
        skip: rows that are left out before the page: a jump into the middle of a long list.
    """

    view: str = "drive"
    folder_id: str | None = None
    text: str = ""
    order_by: str = ""
    page_size: int = 100
    page_token: str | None = None
    q: str = ""
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """One key that a list is sorted by; ``name`` stands in page tokens. The key is never NULL."""

    name: str
    descending: bool
    key: ColumnElement[Any]


def parse_order(text: str) -> list[Order]:
    """Reads an ``orderBy``. Raises InvalidError for an unknown key."""
    orders = []
    for part in text.split(","):
        name, _, direction = part.strip().partition(" ")
        if name not in _KEYS or direction.strip() not in {"", "desc", "asc"}:
            raise InvalidError(
                f"orderBy knows {', '.join(sorted(_KEYS))}, each with an optional ' desc'.", code="bad_order"
            )
        orders.append(Order(name, direction.strip() == "desc", _KEYS[name]))
    return orders


async def list_rows(
    connection: AsyncConnection,
    principal: Principal,
    query: ListQuery,
    now: datetime,
    *conditions: ColumnElement[bool],
    trashed_too: bool = False,
) -> tuple[Sequence[Any], str | None]:
    """Returns the rows of one page and the token of the next.

    Args:
        conditions: more of them, over ``files`` and the asker's ``recents``.
        trashed_too: view ``search`` does not leave out what is in the trash.
    """
    orders = parse_order(query.order_by or _DEFAULTS[query.view])
    conditions = (*conditions, *_conditions(principal, query, now, trashed_too=trashed_too))
    return await page_of(
        connection, principal, files, conditions, orders, query.page_size, query.page_token, skip=query.skip
    )


async def count_rows(
    connection: AsyncConnection,
    principal: Principal,
    query: ListQuery,
    now: datetime,
    *conditions: ColumnElement[bool],
    trashed_too: bool = False,
) -> int:
    """Returns how many rows all pages of a list have together; arguments as :func:`list_rows`."""
    conditions = (*conditions, *_conditions(principal, query, now, trashed_too=trashed_too))
    # A folder is counted without what the asker opened and starred, unless that is asked for.
    plain = query.view == "drive" and not query.q
    source = files if plain else with_recents(files, principal)
    return int(await connection.scalar(select(func.count()).select_from(source).where(*conditions)) or 0)


async def page_of(
    connection: AsyncConnection,
    principal: Principal,
    source: FromClause,
    conditions: Sequence[ColumnElement[bool]],
    orders: Sequence[Order],
    page_size: int,
    page_token: str | None,
    *,
    skip: int = 0,
) -> tuple[Sequence[Any], str | None]:
    """Returns one page of the files in ``source`` and the token of the next, which goes on behind its last row."""
    size = max(1, min(page_size, MAX_PAGE))
    columns = [order.key.label(f"sort_{place}") for place, order in enumerate(orders)]
    # The keys first, and the rows of the page alone: a row is wide, and sorting carries what is selected.
    chosen = (
        select(files.c.id, *columns)
        .select_from(with_recents(source, principal))
        .where(*conditions)
        .order_by(*(order.key.desc() if order.descending else order.key for order in orders), files.c.id)
        .limit(size + 1)
    )
    if skip:
        chosen = chosen.offset(skip)
    if page_token:
        chosen = chosen.where(_after(orders, _read_token(page_token, orders)))
    found = (await connection.execute(chosen)).all()
    rows = await rows_of(connection, [row.id for row in found[:size]])
    if len(found) <= size:
        return rows, None
    last = found[size - 1]
    return rows, _write_token([*last[1:], last.id], orders)


def with_recents(source: FromClause, principal: Principal) -> FromClause:
    """Returns ``source``, which holds ``files``, with what the asker opened and starred beside them."""
    own = and_(recents.c.file_id == files.c.id, recents.c.account_id == principal.account_id)
    return source.join(recents, own, isouter=True)


async def rows_of(connection: AsyncConnection, ids: Sequence[str]) -> list[Any]:
    """Returns the columns of files in the order of their ids."""
    found = (await connection.execute(select(files).where(files.c.id.in_(ids)))).mappings()
    wide = {row["id"]: row for row in found}
    return [wide[file_id] for file_id in ids if file_id in wide]


def _conditions(
    principal: Principal, query: ListQuery, now: datetime, *, trashed_too: bool
) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    # Playgrounds lie in no folder.
    filed = files.c.parent_id.is_not(None)
    match query.view:
        case "drive":
            conditions += [files.c.parent_id == query.folder_id, files.c.trashed_at.is_(None)]
        case "shared":
            conditions += [present, shared_with(principal, now)]
        case "recent":
            conditions += [present, filed, opened_at != "", visible(principal, now, with_links=True)]
        case "starred":
            conditions += [present, filed, recents.c.starred.is_(True), visible(principal, now, with_links=True)]
        case "trash":
            conditions += [files.c.trashed_at.is_not(None), files.c.owner_id == principal.account_id]
        case _:
            conditions += [files.c.parent_id.is_not(None), visible(principal, now)]
            if not trashed_too:
                conditions.append(present)
    if query.text:
        conditions.append(files.c.folded_name.contains(folded(query.text), autoescape=True))
    return conditions


def _after(orders: Sequence[Order], values: list[Any]) -> ColumnElement[bool]:
    """Returns the condition for rows behind the given key, for any mix of directions."""
    keys: list[tuple[ColumnElement[Any], bool]] = [(order.key, order.descending) for order in orders]
    keys.append((files.c.id, False))
    steps = []
    for place, (key, descending) in enumerate(keys):
        equal = [earlier == value for (earlier, _), value in zip(keys[:place], values, strict=False)]
        steps.append(and_(*equal, key < values[place] if descending else key > values[place]))
    return or_(*steps)


def _write_token(values: list[Any], orders: Sequence[Order]) -> str:
    names = [f"{order.name}{'-' if order.descending else ''}" for order in orders]
    return base64.urlsafe_b64encode(json.dumps([names, values]).encode()).decode().rstrip("=")


def _read_token(token: str, orders: Sequence[Order]) -> list[Any]:
    try:
        names, values = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        wanted = [f"{order.name}{'-' if order.descending else ''}" for order in orders]
        fits = names == wanted and isinstance(values, list) and len(values) == len(orders) + 1
        if not fits or not all(_is_key(value) for value in values):
            raise ValueError("token of another order")
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise InvalidError(
            "This pageToken is not of this list. Start again without one.", code="bad_page_token"
        ) from error
    return list(values)


def _is_key(value: Any) -> bool:
    """Returns whether the database takes a value: text of whole characters, or an integer of 64 bits."""
    if isinstance(value, str):
        value.encode()  # raises UnicodeEncodeError, a ValueError, for half a character
        return True
    return type(value) is int and abs(value) < 2**63
