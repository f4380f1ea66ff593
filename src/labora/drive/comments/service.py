"""Verbs of comments; one transaction each, access checked inside it, open pages told afterwards."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.access import Ability, FileAccess, Principal, Role
from labora.access.readers import named_on, roles_on
from labora.base.clock import timestamp
from labora.base.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    TooLargeError,
    UnsupportedError,
)
from labora.base.ids import new_id
from labora.base.settings import CommentSettings
from labora.base.text import folded
from labora.db.schema import accounts
from labora.drive.base import DriveContext, account_of
from labora.drive.comments import store, text
from labora.drive.comments.model import Comment, CommentPage, Mentionable, Reply
from labora.drive.model import Person
from labora.drive.notices import NoticeKind, tell
from labora.drive.pace import Pace
from labora.drive.tree import VersionConflictError

Action = Literal["resolve", "reopen"]
PEOPLE = 10


class Comments:
    """Comments on files and notebooks.

    Whoever may read a file reads its comments, whoever may comment writes them. A text is changed by its author alone
    and deleted by its author or the owner of the file; a comment is resolved by its author or whoever may edit.
    """

    def __init__(self, context: DriveContext, limits: CommentSettings) -> None:
        self._context = context
        self._telling = Pace(
            context.clock, limits.per_minute, 60.0, "You told people much within a minute. Go on in a moment."
        )
        self._limits = limits

    # -- reading ------------------------------------------------------------------------------------------------------

    async def page(
        self, principal: Principal, file_id: str, *, page_size: int = 100, page_token: str | None = None
    ) -> CommentPage:
        """Returns one page of the comments of a file, oldest first. Raises InvalidError (``bad_page_token``)."""
        after = None if page_token is None else _key(page_token)
        async with self._context.reading(principal) as connection:
            access = await self._readable(connection, principal, file_id)
            found = await store.load(connection, access.file_id, after=after, limit=page_size + 1)
        more = len(found) > page_size
        found = found[:page_size]
        return CommentPage(found, _token(found[-1]) if more else None)

    async def get(self, principal: Principal, file_id: str, comment_id: str) -> Comment:
        """Returns a comment. Raises NotFoundError with code ``no_such_comment``."""
        async with self._context.reading(principal) as connection:
            access = await self._readable(connection, principal, file_id)
            return await self._one(connection, access.file_id, comment_id)

    async def stored(self, file_id: str, only: str | None = None) -> dict[str, dict[str, Any]]:
        """Returns the comments of a file by id, as a room holds them: for rooms alone, which check who may read."""
        async with self._context.database.read() as connection:
            found = await store.load(connection, file_id, only=only)
        return {comment.id: comment.as_json() for comment in found}

    async def people(self, principal: Principal, file_id: str, q: str) -> list[Mentionable]:
        """Returns people to mention whose name or sign-in name holds ``q``, those with access first.

        Others are among them only for those who may share the file. Needs ``comment``.
        """
        wanted = folded(q.strip())
        async with self._context.reading(principal) as connection:
            access = await self._context.access(connection, principal, file_id, Ability.COMMENT)
            named, by_link = await named_on(connection, access.file, now=self._context.clock.now())
            named.discard(account_of(principal))
            matches = or_(func.instr(accounts.c.folded_name, wanted) > 0, func.instr(accounts.c.login, wanted) > 0)
            query = (
                select(accounts.c.id, accounts.c.name, accounts.c.color)
                .where(accounts.c.disabled_at.is_(None), accounts.c.id != principal.account_id, matches)
                .order_by(accounts.c.folded_name, accounts.c.id)
                .limit(PEOPLE)
            )
            found = (await connection.execute(query.where(accounts.c.id.in_(sorted(named))))).all()
            if wanted and len(found) < PEOPLE and (by_link or access.allows(Ability.SHARE)):
                others = query.where(accounts.c.id.not_in([row.id for row in found])).limit(PEOPLE - len(found))
                found = [*found, *(await connection.execute(others)).all()]
            ids = [row.id for row in found]
            roles = await roles_on(connection, access.file, ids, now=self._context.clock.now(), by_address=False)
        people = [Mentionable(Person(row.id, row.name, row.color), row.id in roles) for row in found]
        return [one for one in people if one.has_access or access.allows(Ability.SHARE)]

    # -- writing ------------------------------------------------------------------------------------------------------

    async def add(
        self,
        principal: Principal,
        file_id: str,
        content: str,
        *,
        cell_id: str | None = None,
        anchor: dict[str, str] | None = None,
        quote: str = "",
    ) -> Comment:
        """Comments on a file, a cell or a range. Needs ``comment``.

        Raises InvalidError (``empty_comment``, ``bad_cell``, ``bad_anchor``), TooLargeError (``comment_too_long``,
        ``too_many_comments``), RateLimitedError and UnsupportedError for a folder.
        """
        content = text.clean_content(content, self._limits.content_characters)
        text.check_place(cell_id, anchor)
        now, comment_id = self._context.now(), new_id()
        async with self._context.writing(principal) as connection:
            access = await self._commentable(connection, principal, file_id)
            if cell_id is not None and access.file["kind"] != "notebook":
                raise InvalidError("Only notebooks have cells: comment on the whole file.", code="bad_cell")
            threads, characters = await store.counted(connection, access.file_id)
            self._require_room(threads, characters + len(content))
            await self._require_pace(connection, access)
            content = await self._named(connection, content)
            head = {
                "id": comment_id,
                "file_id": access.file_id,
                "cell_id": cell_id,
                "anchor": anchor,
                "quote": text.clean_quote(quote) if anchor else "",
                "author_id": account_of(principal),
                "created_at": now,
                "changed_at": now,
            }
            await store.add(connection, head, content)
            comment = await self._one(connection, access.file_id, comment_id)
            await self._notify(connection, access, comment, comment_id, content)
        return await self._told(comment)

    async def change(
        self, principal: Principal, file_id: str, comment_id: str, content: str, *, expected: str | None = None
    ) -> Comment:
        """Changes the text of an own comment. Raises VersionConflictError unless it is at the etag ``expected``."""
        return await self._edit(principal, file_id, comment_id, comment_id, content, expected)

    async def change_reply(
        self,
        principal: Principal,
        file_id: str,
        comment_id: str,
        reply_id: str,
        content: str,
        *,
        expected: str | None = None,
    ) -> Comment:
        """Changes the text of an own reply, likewise."""
        return await self._edit(principal, file_id, comment_id, reply_id, content, expected)

    async def _edit(
        self, principal: Principal, file_id: str, comment_id: str, text_id: str, content: str, expected: str | None
    ) -> Comment:
        content = text.clean_content(content, self._limits.content_characters)
        async with self._context.writing(principal) as connection:
            access = await self._commentable(connection, principal, file_id)
            comment = await self._one(connection, access.file_id, comment_id, expected)
            said = _text_of(comment, text_id)
            if said.author is None or said.author.id != principal.account_id:
                raise ForbiddenError("Only who wrote this may change it.", code="not_the_author")
            threads, characters = await store.counted(connection, access.file_id)
            self._require_room(threads - 1, characters - len(said.content) + len(content))
            content = await self._named(connection, content)
            now = self._context.now()
            await store.change_text(connection, text_id, {"body": content, "edited_at": now})
            await store.change(connection, comment_id, {"changed_at": now})
            comment = await self._one(connection, access.file_id, comment_id)
            new = text.mentioned(content) - text.mentioned(said.content)
            if new:
                self._telling.take(account_of(principal))
            await self._mention(connection, access, comment, text_id, content, new)
        return await self._told(comment)

    async def reply(
        self, principal: Principal, file_id: str, comment_id: str, content: str | None, action: Action | None = None
    ) -> tuple[Comment, str | None]:
        """Answers a comment, resolves or reopens it, or both; returns it and the id of the reply. Needs ``comment``.

        Raises what :meth:`add` raises, and ForbiddenError when the comment is another's and the caller may not edit.
        """
        if content is not None:
            content = text.clean_content(content, self._limits.content_characters)
        elif action is None:
            raise InvalidError("A reply has a content, an action or both.", code="empty_comment")
        now, reply_id = self._context.now(), new_id() if content is not None else None
        async with self._context.writing(principal) as connection:
            access = await self._commentable(connection, principal, file_id)
            comment = await self._one(connection, access.file_id, comment_id)
            if action is not None:
                await self._settle(connection, access, comment, action, now)
            if content is not None and reply_id is not None:
                if len(comment.replies) >= self._limits.replies:
                    raise TooLargeError(
                        f"A comment has at most {self._limits.replies:,} replies. Begin another one.",
                        code="too_many_comments",
                        details={"limit": self._limits.replies},
                    )
                _, characters = await store.counted(connection, access.file_id)
                self._require_room(0, characters + len(content))
                await self._require_pace(connection, access)
                content = await self._named(connection, content)
                await store.add_text(connection, reply_id, comment_id, account_of(principal), content, now)
            await store.change(connection, comment_id, {"changed_at": now})
            comment = await self._one(connection, access.file_id, comment_id)
            if content is not None and reply_id is not None:
                await self._notify(connection, access, comment, reply_id, content)
        return await self._told(comment), reply_id

    async def delete(
        self, principal: Principal, file_id: str, comment_id: str, *, expected: str | None = None
    ) -> Comment | None:
        """Deletes an own comment, or as owner of the file any; returns what is left.

        By the owner, or while nobody answered, it goes as a whole; else its text goes and the answers stay.
        """
        async with self._context.writing(principal) as connection:
            access = await self._commentable(connection, principal, file_id)
            comment = await self._one(connection, access.file_id, comment_id, expected)
            self._require_own(access, comment)
            answered = any(not reply.deleted for reply in comment.replies)
            if access.role == Role.OWNER or not answered:
                await store.remove(connection, comment_id)
                left = None
            else:
                left = await self._blank(connection, access, comment_id, comment_id)
            details = {"comment": comment_id}
            await self._context.audit(connection, principal, "comment.deleted", access.file_id, details)
        await self._context.live.comments_changed(comment.file_id, comment_id)
        return left

    async def delete_reply(
        self, principal: Principal, file_id: str, comment_id: str, reply_id: str, *, expected: str | None = None
    ) -> Comment | None:
        """Deletes an own reply, or as owner of the file any; returns the comment, None when nothing of it is left."""
        async with self._context.writing(principal) as connection:
            access = await self._commentable(connection, principal, file_id)
            comment = await self._one(connection, access.file_id, comment_id, expected)
            self._require_own(access, _text_of(comment, reply_id, replies=True))
            left: Comment | None = await self._blank(connection, access, comment_id, reply_id)
            if left is not None and left.deleted and all(reply.deleted for reply in left.replies):
                await store.remove(connection, comment_id)
                left = None
            details = {"comment": comment_id, "reply": reply_id}
            await self._context.audit(connection, principal, "comment.deleted", access.file_id, details)
        await self._context.live.comments_changed(comment.file_id, comment_id)
        return left

    async def _blank(self, connection: AsyncConnection, access: FileAccess, comment_id: str, text_id: str) -> Comment:
        now = self._context.now()
        await store.change_text(connection, text_id, {"body": "", "deleted_at": now})
        await store.change(connection, comment_id, {"changed_at": now})
        return await self._one(connection, access.file_id, comment_id)

    async def _settle(
        self, connection: AsyncConnection, access: FileAccess, comment: Comment, action: Action, now: str
    ) -> None:
        principal = access.principal
        own = comment.author is not None and comment.author.id == principal.account_id
        if not own and not access.allows(Ability.EDIT):
            raise ForbiddenError(
                "Only who began this comment, or who may edit, can resolve or reopen it.", code="not_the_author"
            )
        if (comment.resolved_at is not None) == (action == "resolve"):
            return
        values = {"resolved_at": now, "resolved_by": account_of(principal)}
        await store.change(connection, comment.id, values if action == "resolve" else dict.fromkeys(values))
        if action == "resolve":
            self._telling.take(account_of(principal))
            told = comment.participants | {access.file["owner_id"]}
            await self._tell(connection, access, comment, NoticeKind.COMMENT_RESOLVED, told, None, comment.content)

    # -- access and limits --------------------------------------------------------------------------------------------

    async def _readable(self, connection: AsyncConnection, principal: Principal, file_id: str) -> FileAccess:
        # A link alone, without an account, shows the content but not what people say about it.
        account_of(principal)
        return await self._context.access(connection, principal, file_id)

    async def _commentable(self, connection: AsyncConnection, principal: Principal, file_id: str) -> FileAccess:
        access = await self._context.access(connection, principal, file_id, Ability.COMMENT)
        if access.file["kind"] not in ("notebook", "file"):
            raise UnsupportedError("Only notebooks and files have comments.", code="folder_content")
        return access

    async def _one(
        self, connection: AsyncConnection, file_id: str, comment_id: str, expected: str | None = None
    ) -> Comment:
        found = await store.load(connection, file_id, only=comment_id)
        if not found:
            raise NotFoundError("There is no such comment; perhaps it was deleted.", code="no_such_comment")
        if expected is not None and found[0].etag != expected:
            raise VersionConflictError(
                "Somebody changed this comment meanwhile. Look at it again, then repeat your change.",
                details={"etag": found[0].etag},
            )
        return found[0]

    @staticmethod
    def _require_own(access: FileAccess, said: Comment | Reply) -> None:
        own = said.author is not None and said.author.id == access.principal.account_id
        if not own and access.role != Role.OWNER:
            raise ForbiddenError("Only who wrote this, or the owner of the file, may delete it.", code="not_the_author")

    def _require_room(self, threads: int, characters: int) -> None:
        limits = self._limits
        for actual, limit, what in (
            (threads + 1, limits.comments, "comments"),
            (characters, limits.file_characters, "characters in its comments"),
        ):
            if actual > limit:
                raise TooLargeError(
                    f"A file has at most {limit:,} {what}. Delete some that are resolved.",
                    code="too_many_comments",
                    details={"limit": limit, "actual": actual},
                )

    async def _require_pace(self, connection: AsyncConnection, access: FileAccess) -> None:
        since = timestamp(self._context.clock.now() - timedelta(minutes=1))
        said = await store.said_since(connection, access.file_id, account_of(access.principal), since)
        if said >= self._limits.per_minute:
            raise RateLimitedError("That is a lot of comments. Wait a minute.", retry_after=60, code="too_fast")

    # -- telling ------------------------------------------------------------------------------------------------------

    async def _told(self, comment: Comment) -> Comment:
        await self._context.live.comments_changed(comment.file_id, comment.id)
        return comment

    async def _named(self, connection: AsyncConnection, content: str) -> str:
        """Gives mentions the names that the accounts have, so that nobody is made to look like somebody else."""
        ids = text.mentioned(content)
        if not ids:
            return content
        rows = await connection.execute(select(accounts.c.id, accounts.c.name).where(accounts.c.id.in_(sorted(ids))))
        return text.with_names(content, {row.id: row.name for row in rows}.get)

    async def _notify(
        self, connection: AsyncConnection, access: FileAccess, comment: Comment, text_id: str, content: str
    ) -> None:
        mentioned = text.mentioned(content)
        await self._mention(connection, access, comment, text_id, content, mentioned)
        others = (comment.participants | {access.file["owner_id"]}) - mentioned
        await self._tell(connection, access, comment, NoticeKind.COMMENT, others, text_id, content)

    async def _mention(
        self,
        connection: AsyncConnection,
        access: FileAccess,
        comment: Comment,
        text_id: str,
        content: str,
        account_ids: set[str],
    ) -> None:
        await self._tell(connection, access, comment, NoticeKind.MENTION, account_ids, text_id, content)

    async def _tell(
        self,
        connection: AsyncConnection,
        access: FileAccess,
        comment: Comment,
        kind: NoticeKind,
        account_ids: Iterable[str],
        text_id: str | None,
        content: str,
    ) -> None:
        """Tells those of the accounts that may read the file; the text goes to nobody else."""
        readers = await roles_on(connection, access.file, account_ids, now=self._context.clock.now())
        details = {
            "comment_id": comment.id,
            "reply_id": None if text_id in (None, comment.id) else text_id,
            "cell_id": comment.cell_id,
            "text": text.excerpt(content),
        }
        actor = account_of(access.principal)
        now = self._context.now()
        await tell(connection, readers, kind, actor_id=actor, file_id=access.file_id, details=details, now=now)


def _text_of(comment: Comment, text_id: str, *, replies: bool = False) -> Comment | Reply:
    every: list[Comment | Reply] = [*comment.replies] if replies else [comment, *comment.replies]
    found = next((said for said in every if said.id == text_id), None)
    if found is None:
        raise NotFoundError("There is no such reply; perhaps it was deleted.", code="no_such_comment")
    if found.deleted:
        raise ConflictError("This was deleted already.", code="comment_deleted")
    return found


def _token(last: Comment) -> str:
    return base64.urlsafe_b64encode(json.dumps([last.created_at, last.id]).encode()).decode()


def _key(token: str) -> store.Key:
    try:
        at, last = json.loads(base64.urlsafe_b64decode(token))
        f"{at}{last}".encode()  # raises UnicodeEncodeError, a ValueError, for half a character
    except (ValueError, TypeError, binascii.Error):
        at = last = None
    if not isinstance(at, str) or not isinstance(last, str):
        raise InvalidError("This page token is not one of this list. Start from the first page.", code="bad_page_token")
    return at, last
