"""SQL of comments. A comment's first text is the row of ``comments`` that has the id of its thread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.db.schema import comment_threads, comments
from labora.drive import store
from labora.drive.comments.model import Comment, Reply
from labora.drive.model import Person

_CHUNK = 500
Key = tuple[str, str]


async def load(
    connection: AsyncConnection, file_id: str, *, only: str | None = None, after: Key | None = None, limit: int = 0
) -> list[Comment]:
    """Returns comments of a file with their replies, oldest first.

    Args:
        only: id of the one that is wanted.
        after: moment and id of the last one of the page before.
        limit: how many; 0 for all.
    """
    threads = comment_threads.c
    query = select(comment_threads).where(threads.file_id == file_id).order_by(threads.created_at, threads.id)
    if only is not None:
        query = query.where(threads.id == only)
    if after is not None:
        at, last = after
        query = query.where(or_(threads.created_at > at, and_(threads.created_at == at, threads.id > last)))
    if limit:
        query = query.limit(limit)
    heads = [dict(row) for row in (await connection.execute(query)).mappings()]
    if not heads:
        # Most files, and asked whenever a notebook is opened.
        return []
    said = await _said(connection, [head["id"] for head in heads])
    ids = {row["author_id"] for rows in said.values() for row in rows}
    ids |= {head[key] for head in heads for key in ("author_id", "resolved_by")}
    people = await store.people(connection, ids - {None})
    return [_comment(head, said[head["id"]], people) for head in heads]


async def _said(connection: AsyncConnection, ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    said: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        query = select(comments).where(comments.c.thread_id.in_(chunk)).order_by(comments.c.created_at, comments.c.id)
        for row in (await connection.execute(query)).mappings():
            said[row["thread_id"]].append(dict(row))
    return said


def _comment(head: Mapping[str, Any], said: list[dict[str, Any]], people: Mapping[str, Person]) -> Comment:
    first = next((row for row in said if row["id"] == head["id"]), None)
    return Comment(
        id=head["id"],
        file_id=head["file_id"],
        cell_id=head["cell_id"],
        anchor=head["anchor"],
        quote=head["quote"],
        author=people.get(head["author_id"] or ""),
        content=first["body"] if first else "",
        created_at=head["created_at"],
        changed_at=head["changed_at"],
        edited_at=first["edited_at"] if first else None,
        deleted=first is None or first["deleted_at"] is not None,
        resolved_at=head["resolved_at"],
        resolved_by=people.get(head["resolved_by"] or ""),
        replies=tuple(
            Reply(
                id=row["id"],
                author=people.get(row["author_id"] or ""),
                content=row["body"],
                created_at=row["created_at"],
                edited_at=row["edited_at"],
                deleted=row["deleted_at"] is not None,
            )
            for row in said
            if row["id"] != head["id"]
        ),
    )


async def add(connection: AsyncConnection, head: Mapping[str, Any], content: str) -> None:
    """Inserts a comment."""
    await connection.execute(insert(comment_threads).values(**head))
    await add_text(connection, head["id"], head["id"], head["author_id"], content, head["created_at"])


async def add_text(
    connection: AsyncConnection, text_id: str, comment_id: str, author_id: str, content: str, now: str
) -> None:
    """Inserts the text of a comment or of a reply."""
    row = {"id": text_id, "thread_id": comment_id, "author_id": author_id, "body": content, "created_at": now}
    await connection.execute(insert(comments).values(**row))


async def change_text(connection: AsyncConnection, text_id: str, values: Mapping[str, Any]) -> None:
    """Changes columns of a text."""
    await connection.execute(update(comments).where(comments.c.id == text_id).values(**values))


async def change(connection: AsyncConnection, comment_id: str, values: Mapping[str, Any]) -> None:
    """Changes columns of a comment."""
    await connection.execute(update(comment_threads).where(comment_threads.c.id == comment_id).values(**values))


async def remove(connection: AsyncConnection, comment_id: str) -> None:
    """Deletes a comment with its replies."""
    await connection.execute(delete(comments).where(comments.c.thread_id == comment_id))
    await connection.execute(delete(comment_threads).where(comment_threads.c.id == comment_id))


async def counted(connection: AsyncConnection, file_id: str) -> tuple[int, int]:
    """Returns how many comments a file has, and how many characters stand in them and their replies."""
    threads = await connection.scalar(select(func.count()).where(comment_threads.c.file_id == file_id))
    text = (
        select(func.coalesce(func.sum(func.length(comments.c.body)), 0))
        .join(comment_threads, comment_threads.c.id == comments.c.thread_id)
        .where(comment_threads.c.file_id == file_id)
    )
    return int(threads or 0), int(await connection.scalar(text) or 0)


async def said_since(connection: AsyncConnection, file_id: str, author_id: str, moment: str) -> int:
    """Returns how many comments and replies an account has written to a file since a moment."""
    query = (
        select(func.count())
        .select_from(comments)
        .join(comment_threads, comment_threads.c.id == comments.c.thread_id)
        .where(comment_threads.c.file_id == file_id, comments.c.author_id == author_id, comments.c.created_at >= moment)
    )
    return int(await connection.scalar(query) or 0)
