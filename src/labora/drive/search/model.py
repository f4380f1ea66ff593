"""What the index holds of a file, and what a search asks for and finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from labora.drive.model import FileView

EXTRACTION = 1
"""Version of what is read of a file and how it is cut; the index of another version is made anew."""

Where = Literal["name", "code", "text", "outputs"]
EVERYWHERE: tuple[Where, ...] = ("name", "code", "text", "outputs")


@dataclass(frozen=True, slots=True)
class Piece:
    """Text as people read it: of a cell, or of a file (``cell_id`` is then None)."""

    cell_id: str | None
    where: Where
    text: str


@dataclass(frozen=True, slots=True)
class Stale:
    """A file whose entry in the index is missing or old.

    Attributes:
        same_content: only its name changed.
        sha256: its newest content; None for what has none.
    """

    file_id: str
    kind: str
    name: str
    media_type: str
    revision_id: str | None
    sha256: str | None
    size: int
    same_content: bool


@dataclass(frozen=True, slots=True)
class Content:
    """What was read of a file: its pieces, and the tokens of each place."""

    pieces: tuple[Piece, ...] = ()
    tokens: dict[Where, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as the index keeps it; ``content`` is None where the kept one stays (only the name changed)."""

    file_id: str
    revision_id: str | None
    name: str
    name_tokens: str
    content: Content | None


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What a search asks for. All demands must be met.

    Attributes:
        text: words, ``"phrases"``, ``beginnings*``, ``-without``; see :mod:`labora.drive.search.tokens`.
        where: places that are searched.
        kinds: folder, notebook, file, shortcut; all when empty.
        owner: ``me``, ``others`` or an account id; anybody when empty.
        modified_from, modified_to: RFC 3339 moments, the second one not included.
        starred: only what the asker starred.
        folder_id: only what lies below this folder, at any depth.
        page_size: results a page, at most 50.
        page_token: of the page before.
    """

    text: str = ""
    where: tuple[Where, ...] = EVERYWHERE
    kinds: tuple[str, ...] = ()
    owner: str = ""
    modified_from: str | None = None
    modified_to: str | None = None
    starred: bool = False
    folder_id: str | None = None
    page_size: int = 20
    page_token: str | None = None


@dataclass(frozen=True, slots=True)
class Snippet:
    """A line around hits: pieces of text in order, each with whether it is a hit."""

    where: Where
    cell_id: str | None
    parts: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One result."""

    file: FileView
    snippets: tuple[Snippet, ...]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """One page of results.

    Attributes:
        catching_up: files wait to be read into the index, so that more may be found later.
    """

    results: list[Found]
    next_page_token: str | None
    catching_up: bool = False


@dataclass(frozen=True, slots=True)
class IndexState:
    """How far the index is: files that it holds, and files that it does not hold as they are now."""

    indexed: int
    waiting: int
