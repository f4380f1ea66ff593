"""SQL of the drive's tree, revisions and recents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, func, insert, literal, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from labora.base.ids import new_id
from labora.db.schema import accounts, audit_log, file_blobs, files, private_blobs, recents, revisions
from labora.drive.model import FOLDER_TYPE, FolderContents, Person, Revision


def below(prefix: str) -> ColumnElement[bool]:
    """Returns the condition for everything below a folder, whose ``path`` + id + "/" is ``prefix``."""
    # "0" follows "/" in ASCII: a range, so that the index on path serves it.
    return and_(files.c.path >= prefix, files.c.path < prefix[:-1] + "0")


def prefix_of(row: Mapping[str, Any]) -> str:
    """Returns what the paths of everything below a folder begin with."""
    return f"{row['path']}{row['id']}/"


async def row_of(connection: AsyncConnection, file_id: str) -> dict[str, Any] | None:
    """Returns a file's columns."""
    row = (await connection.execute(select(files).where(files.c.id == file_id))).mappings().one_or_none()
    return dict(row) if row else None


async def rows_of(connection: AsyncConnection, ids: Iterable[str]) -> list[dict[str, Any]]:
    """Returns the columns of those of a page of files that exist."""
    query = select(files).where(files.c.id.in_(sorted(ids)))
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def root_of(connection: AsyncConnection, account_id: str) -> dict[str, Any] | None:
    """Returns an account's My Drive."""
    query = select(files).where(files.c.owner_id == account_id, files.c.parent_id.is_(None), files.c.kind == "folder")
    row = (await connection.execute(query)).mappings().first()
    return dict(row) if row else None


async def add_root(connection: AsyncConnection, account_id: str, now: str) -> None:
    """Makes the My Drive of an account that has none."""
    row = {"id": new_id(), "kind": "folder", "name": "My Drive", "media_type": FOLDER_TYPE, "owner_id": account_id}
    await add_file(
        connection,
        {**row, "parent_id": None, "path": "/", "created_at": now, "modified_at": now, "settings": {}},
    )


async def add_file(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    """Inserts a file or folder."""
    await connection.execute(insert(files).values(**values))


async def existing(connection: AsyncConnection, ids: list[str]) -> set[str]:
    """Returns those ids that files have."""
    return set((await connection.execute(select(files.c.id).where(files.c.id.in_(ids)))).scalars())


async def add_files(
    connection: AsyncConnection, rows: list[dict[str, Any]], contents: Mapping[str, str], kind: str
) -> None:
    """Inserts files, each with its first revision (``contents`` by file id) and an audit row."""
    if not rows:
        return
    await connection.execute(insert(files), rows)
    first = [
        {
            "id": row["head_revision_id"],
            "file_id": row["id"],
            "number": 1,
            "sha256": contents[row["id"]],
            "size": row["size"],
            "kind": kind,
            "author_id": row["modified_by"],
            "created_at": row["created_at"],
        }
        for row in rows
    ]
    await connection.execute(insert(revisions), first)
    made = [
        {
            "at": row["created_at"],
            "actor_id": row["owner_id"],
            "action": "file.made",
            "object_id": row["id"],
            "details": {"kind": row["kind"]},
        }
        for row in rows
    ]
    await connection.execute(insert(audit_log), made)


async def update_file(connection: AsyncConnection, file_id: str, values: Mapping[str, Any]) -> None:
    """Changes columns of one file."""
    await connection.execute(update(files).where(files.c.id == file_id).values(**values))


async def bump(connection: AsyncConnection, file_id: str, values: Mapping[str, Any]) -> None:
    """Changes columns of one file and counts its version up."""
    await connection.execute(update(files).where(files.c.id == file_id).values(version=files.c.version + 1, **values))


async def move_subtree(connection: AsyncConnection, row: Mapping[str, Any], parent: Mapping[str, Any]) -> None:
    """Puts an item, with everything below it, into another folder."""
    old, new_path = prefix_of(row), prefix_of(parent)
    await bump(connection, row["id"], {"parent_id": parent["id"], "path": new_path})
    new = f"{new_path}{row['id']}/"
    rest = func.substr(files.c.path, len(old) + 1)
    await connection.execute(update(files).where(below(old)).values(path=literal(new).concat(rest)))


async def mark_below(connection: AsyncConnection, row: Mapping[str, Any], trashed_at: str | None) -> None:
    """Notes on everything below a folder whether a folder above is in the trash.

    Given None, items below folders that are in the trash themselves stay marked.
    """
    prefix = prefix_of(row)
    await connection.execute(update(files).where(below(prefix)).values(ancestor_trashed_at=trashed_at))
    if trashed_at is not None:
        return
    query = select(files).where(below(prefix), files.c.kind == "folder", files.c.trashed_at.is_not(None))
    for folder in (await connection.execute(query)).mappings():
        await connection.execute(
            update(files).where(below(prefix_of(dict(folder)))).values(ancestor_trashed_at=folder["trashed_at"])
        )


async def subtree(connection: AsyncConnection, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns everything below a folder, highest first."""
    query = select(files).where(below(prefix_of(row))).order_by(func.length(files.c.path), files.c.id)
    return [dict(found) for found in (await connection.execute(query)).mappings()]


async def contents_of(connection: AsyncConnection, row: Mapping[str, Any]) -> FolderContents:
    """Returns how much lies below a folder, without what is in the trash."""
    folders = func.count(case((files.c.kind == "folder", 1)))
    query = select(func.count(), folders, func.coalesce(func.sum(files.c.size), 0)).where(below(prefix_of(row)))
    if not (row["trashed_at"] or row["ancestor_trashed_at"]):
        query = query.where(files.c.trashed_at.is_(None), files.c.ancestor_trashed_at.is_(None))
    return FolderContents(*(await connection.execute(query)).one())


async def delete_files(connection: AsyncConnection, ids: list[str]) -> None:
    """Deletes rows, the deepest first as given."""
    for start in range(0, len(ids), 500):
        await connection.execute(delete(files).where(files.c.id.in_(ids[start : start + 500])))


async def people(connection: AsyncConnection, ids: Iterable[str]) -> dict[str, Person]:
    """Returns accounts as others see them."""
    query = select(accounts.c.id, accounts.c.name, accounts.c.color).where(accounts.c.id.in_(sorted(set(ids))))
    return {row.id: Person(row.id, row.name, row.color) for row in await connection.execute(query)}


# -- revisions --------------------------------------------------------------------------------------------------------


async def add_revision(connection: AsyncConnection, values: Mapping[str, Any]) -> int:
    """Inserts a revision under the next number, which it returns."""
    last = await connection.scalar(select(func.max(revisions.c.number)).where(revisions.c.file_id == values["file_id"]))
    number = int(last or 0) + 1
    await connection.execute(insert(revisions).values(number=number, **values))
    return number


def _revision(row: Any, known: Mapping[str, Person]) -> Revision:
    author = Person(row.author_id, row.author_name, row.author_color) if row.author_id else None
    return Revision(
        row.id,
        row.file_id,
        row.number,
        row.sha256,
        row.size,
        row.kind,
        row.name,
        author,
        row.created_at,
        row.epoch,
        row.seq,
        bool(row.pinned),
        tuple(known[account_id] for account_id in row.contributors if account_id in known),
    )


async def revisions_of(
    connection: AsyncConnection,
    file_id: str,
    *,
    only: str | None = None,
    before: int | None = None,
    limit: int | None = None,
) -> list[Revision]:
    """Returns revisions of a file, newest first: one by its id, or those with lower numbers than ``before``."""
    query = (
        select(revisions, accounts.c.name.label("author_name"), accounts.c.color.label("author_color"))
        .join(accounts, accounts.c.id == revisions.c.author_id, isouter=True)
        .where(revisions.c.file_id == file_id)
        .order_by(revisions.c.number.desc())
    )
    if only is not None:
        query = query.where(revisions.c.id == only)
    if before is not None:
        query = query.where(revisions.c.number < before)
    rows = (await connection.execute(query.limit(limit))).all()
    known = await people(connection, {account_id for row in rows for account_id in row.contributors})
    return [_revision(row, known) for row in rows]


async def change_revision(connection: AsyncConnection, revision_id: str, values: Mapping[str, Any]) -> None:
    """Changes what is said of a revision."""
    await connection.execute(update(revisions).where(revisions.c.id == revision_id).values(**values))


async def files_with_old_revisions(
    connection: AsyncConnection, kinds: Iterable[str], before: str, after_id: str, limit: int
) -> list[str]:
    """Returns ids above ``after_id`` of files that hold revisions of these kinds from before a moment, in order."""
    query = (
        select(revisions.c.file_id)
        .distinct()
        .where(
            revisions.c.file_id > after_id,
            revisions.c.kind.in_(list(kinds)),
            revisions.c.name.is_(None),
            revisions.c.pinned.is_(False),
            revisions.c.created_at < before,
        )
        .order_by(revisions.c.file_id)
        .limit(limit)
    )
    return list((await connection.execute(query)).scalars())


async def delete_revisions(connection: AsyncConnection, ids: list[str]) -> None:
    """Deletes revisions; a later sweep of the blob store deletes their bytes."""
    for start in range(0, len(ids), 500):
        await connection.execute(delete(revisions).where(revisions.c.id.in_(ids[start : start + 500])))


async def has_blob(connection: AsyncConnection, file_id: str, sha256: str) -> bool:
    """Returns whether a file's live outputs refer to a blob."""
    query = select(file_blobs.c.sha256).where(file_blobs.c.file_id == file_id, file_blobs.c.sha256 == sha256)
    return (await connection.scalar(query)) is not None


async def has_private_blob(connection: AsyncConnection, file_id: str, account_id: str | None, sha256: str) -> bool:
    """Returns whether an account's private outputs in a file refer to a blob."""
    query = select(private_blobs.c.sha256).where(
        private_blobs.c.file_id == file_id,
        private_blobs.c.account_id == account_id,
        private_blobs.c.sha256 == sha256,
    )
    return (await connection.scalar(query.limit(1))) is not None


# -- recents ----------------------------------------------------------------------------------------------------------


async def recents_of(connection: AsyncConnection, account_id: str | None, ids: list[str]) -> dict[str, Any]:
    """Returns when an account opened files and whether it starred them."""
    if account_id is None:
        return {}
    query = select(recents).where(recents.c.account_id == account_id, recents.c.file_id.in_(ids))
    return {row.file_id: row for row in await connection.execute(query)}


async def note_recent(
    connection: AsyncConnection,
    account_id: str,
    file_id: str,
    *,
    opened_at: str | None = None,
    starred: bool | None = None,
) -> None:
    """Notes that an account opened or starred a file. ``opened_at`` is empty for what was only starred."""
    changes: dict[str, Any] = {}
    if opened_at is not None:
        changes["opened_at"] = opened_at
    if starred is not None:
        changes["starred"] = starred
    first = {"account_id": account_id, "file_id": file_id, "opened_at": "", "starred": False} | changes
    statement = upsert(recents).values(**first)
    await connection.execute(statement.on_conflict_do_update(index_elements=["account_id", "file_id"], set_=changes))
