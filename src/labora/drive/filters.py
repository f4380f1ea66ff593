"""A condition of ``q`` as SQL, over ``files`` joined with the asker's ``recents``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, false, func, not_, or_, select, true

from labora.access import Principal
from labora.base.clock import timestamp
from labora.base.errors import UnsupportedError
from labora.base.text import folded
from labora.db.schema import accounts, files, group_members, permissions, recents
from labora.drive.language import Both, Compare, Condition, Not, compares
from labora.drive.search.model import EVERYWHERE
from labora.drive.search.ports import SearchIndex
from labora.drive.search.tokens import read_question

opened_at = func.coalesce(recents.c.opened_at, "")
present = and_(files.c.trashed_at.is_(None), files.c.ancestor_trashed_at.is_(None))
is_starred = func.coalesce(recents.c.starred, false())
_TIMES = {"modifiedTime": files.c.modified_at, "createdTime": files.c.created_at, "viewedByMeTime": opened_at}
_OPERATORS: dict[str, Callable[[ColumnElement[str], str], ColumnElement[bool]]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def parents_in(condition: Condition) -> set[str]:
    """Returns the folders that a condition names; the caller finds out which of them the asker may read."""
    return {str(found.value) for found in compares(condition) if found.field == "parents"}


def mentions(condition: Condition, field: str) -> bool:
    """Returns whether a condition speaks of a field."""
    return any(found.field == field for found in compares(condition))


class Filters:
    """Turns conditions into SQL.

    Args:
        principal: the asker.
        now: permissions that expired by then do not count.
        index: for ``fullText``; None where there is none.
        readable_parents: ids of folders by the name that the condition gives them. Others hold nothing: where a file
            lies is not told to those who may not read the folder.
    """

    def __init__(
        self, principal: Principal, now: datetime, index: SearchIndex | None, readable_parents: dict[str, str]
    ) -> None:
        self._principal, self._now, self._index, self._parents = principal, now, index, readable_parents

    def sql(self, condition: Condition) -> ColumnElement[bool]:
        """Returns the condition; it is true or false of every row, never unknown, so that ``not`` works."""
        match condition:
            case Not(inner):
                return not_(self.sql(inner))
            case Both("and", inner):
                return and_(*(self.sql(part) for part in inner))
            case Both(_, inner):
                return or_(*(self.sql(part) for part in inner))
            case Compare(field, operator, bool(value)):
                return self._flag(field, value == (operator == "="))
            case Compare(field, operator, str(value)):
                return self._text(field, operator, value)
        raise AssertionError(condition)

    def _flag(self, field: str, wanted: bool) -> ColumnElement[bool]:
        flags: dict[str, ColumnElement[bool]] = {
            "trashed": not_(present),
            "starred": is_starred.is_(true()),
            "sharedWithMe": shared_with(self._principal, self._now),
        }
        return flags[field] if wanted else not_(flags[field])

    def _text(self, field: str, operator: str, value: str) -> ColumnElement[bool]:
        if field in _TIMES:
            return _OPERATORS[operator](_TIMES[field], value)
        if field == "fullText":
            return self._full_text(value)
        if field == "parents":
            return files.c.parent_id == self._parents[value] if value in self._parents else false()
        if field == "owners":
            return self._owner(value)
        column, wanted = (files.c.folded_name, folded(value)) if field == "name" else (files.c.media_type, value)
        if operator == "contains":
            return column.contains(wanted, autoescape=True)
        return _OPERATORS[operator](column, wanted)

    def _owner(self, value: str) -> ColumnElement[bool]:
        if value == "me":
            return files.c.owner_id == self._principal.account_id
        known = select(accounts.c.id).where(or_(accounts.c.login == value.lower(), accounts.c.id == value))
        return files.c.owner_id.in_(known)

    def _full_text(self, value: str) -> ColumnElement[bool]:
        if self._index is None:
            raise UnsupportedError("This server has no full-text index. Search by name.", code="no_index")
        return self._index.contains(read_question(value), EVERYWHERE)


def shared_with(principal: Principal, now: datetime) -> ColumnElement[bool]:
    """Returns the condition that a file of somebody else was shared with the asker, by name or by group."""
    own_groups = select(group_members.c.group_id).where(group_members.c.account_id == principal.account_id)
    direct = exists().where(
        permissions.c.file_id == files.c.id,
        or_(
            and_(permissions.c.kind == "person", permissions.c.account_id == principal.account_id),
            and_(permissions.c.kind == "group", permissions.c.group_id.in_(own_groups)),
        ),
        or_(permissions.c.expires_at.is_(None), permissions.c.expires_at > timestamp(now)),
    )
    return and_(direct, files.c.owner_id != principal.account_id)
