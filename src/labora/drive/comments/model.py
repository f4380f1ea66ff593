"""Comments as the API and open pages see them: a comment with its replies."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from labora.drive.model import Person


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer to a comment; a deleted one keeps its place and has lost its text."""

    id: str
    author: Person | None
    content: str
    created_at: str
    edited_at: str | None
    deleted: bool


@dataclass(frozen=True, slots=True)
class Comment:
    """What somebody said about a file, a cell or a range of a cell's text, and what was answered.

    Attributes:
        cell_id: the cell; None for the whole file.
        anchor: two Yjs relative positions in the cell's source, ``{"start", "end"}`` in base64; None for all of it.
        quote: what the range said when the comment was made.
        content: Markdown; a mention is ``@[name](account:id)``.
        deleted: its own text is gone, but answers to it stay.
    """

    id: str
    file_id: str
    cell_id: str | None
    anchor: dict[str, str] | None
    quote: str
    author: Person | None
    content: str
    created_at: str
    changed_at: str
    edited_at: str | None
    deleted: bool
    resolved_at: str | None
    resolved_by: Person | None
    replies: tuple[Reply, ...]

    @property
    def etag(self) -> str:
        """Changes with everything that :meth:`as_json` says."""
        text = json.dumps(self.as_json(), sort_keys=True)
        return f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'

    @property
    def participants(self) -> set[str]:
        """Everybody whose words stand in it."""
        said = [(self.author, self.deleted), *((reply.author, reply.deleted) for reply in self.replies)]
        return {author.id for author, deleted in said if author is not None and not deleted}

    def as_json(self) -> dict[str, Any]:
        """Returns it as it crosses the API and the room socket (docs/protocols.md)."""
        return {
            "id": self.id,
            "cell_id": self.cell_id,
            "anchor": self.anchor,
            "quote": self.quote,
            "author": _person(self.author),
            "content": self.content,
            "created_at": self.created_at,
            "changed_at": self.changed_at,
            "edited_at": self.edited_at,
            "deleted": self.deleted,
            "resolved_at": self.resolved_at,
            "resolved_by": _person(self.resolved_by),
            "replies": [reply_json(reply) for reply in self.replies],
        }


def reply_json(reply: Reply) -> dict[str, Any]:
    """Returns a reply as it crosses the API and the room socket."""
    return {
        "id": reply.id,
        "author": _person(reply.author),
        "content": reply.content,
        "created_at": reply.created_at,
        "edited_at": reply.edited_at,
        "deleted": reply.deleted,
    }


def _person(person: Person | None) -> dict[str, Any] | None:
    return {"id": person.id, "name": person.name, "color": person.color} if person else None


@dataclass(frozen=True, slots=True)
class CommentPage:
    """One page of the comments of a file, oldest first, and the token of the next."""

    comments: list[Comment]
    next_page_token: str | None


@dataclass(frozen=True, slots=True)
class Mentionable:
    """Somebody who can be mentioned; without access they are not told, until the file is shared with them."""

    person: Person
    has_access: bool
