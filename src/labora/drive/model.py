"""Files, folders, revisions and permissions as the rest of the product sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from labora.access import Ability, FileAccess, Role
from labora.blobs import BlobRef

NOTEBOOK_TYPE = "application/x-ipynb+json"
FOLDER_TYPE = "application/vnd.labora.folder"
SHORTCUT_TYPE = "application/vnd.labora.shortcut"
ROOT = "root"
"""Alias of the asker's own My Drive wherever a folder id is taken."""


@dataclass(frozen=True, slots=True)
class Person:
    """An account as others see it; ``color`` is its place in the presence palette, 0 to 11."""

    id: str
    name: str
    color: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """What a shortcut leads to, as far as the asker may read it."""

    id: str
    kind: str
    media_type: str
    trashed: bool


@dataclass(frozen=True, slots=True)
class FolderContents:
    """Everything below a folder that is not in the trash, at any depth."""

    items: int
    folders: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class FileView:
    """A file as one principal sees it; ``target`` is None but for a shortcut that leads somewhere."""

    access: FileAccess
    owner: Person
    modified_by: Person | None
    parent_id: str | None
    starred: bool
    opened_at: str | None
    target: Target | None = None

    @property
    def row(self) -> Mapping[str, Any]:
        """The file's columns."""
        return self.access.file

    @property
    def id(self) -> str:
        """Id of the file."""
        return self.access.file_id

    @property
    def name(self) -> str:
        """Name of the file."""
        return str(self.row["name"])

    @property
    def kind(self) -> str:
        """folder, notebook, file or shortcut."""
        return str(self.row["kind"])

    @property
    def version(self) -> int:
        """Counts changes of name, place, trash and owner; the ETag."""
        return int(self.row["version"])

    @property
    def role(self) -> Role:
        """The asker's effective role."""
        return self.access.role

    @property
    def abilities(self) -> frozenset[Ability]:
        """What the asker may do."""
        return self.access.abilities


@dataclass(frozen=True, slots=True)
class FilePage:
    """One page of a list and the token of the next."""

    files: list[FileView]
    next_page_token: str | None


@dataclass(frozen=True, slots=True)
class Revision:
    """One stored state of a file's content.

    Attributes:
        author: who saved it, or changed it last before it was saved by itself.
        contributors: everybody who changed the file since the revision before.
        pinned: kept whatever its age, like one with a name.
    """

    id: str
    file_id: str
    number: int
    sha256: str
    size: int
    kind: str
    name: str | None
    author: Person | None
    created_at: str
    epoch: str | None
    seq: int | None
    pinned: bool = False
    contributors: tuple[Person, ...] = ()


@dataclass(frozen=True, slots=True)
class RevisionPage:
    """One page of a file's history, newest first, and the token of the next."""

    revisions: list[Revision]
    next_page_token: str | None


@dataclass(frozen=True, slots=True)
class Upload:
    """New content of a file that exists.

    Attributes:
        ref: the stored bytes.
        base: the revision that the content was made from; None for the newest.
        reason: why the bytes are no notebook that can be edited.
    """

    ref: BlobRef
    base: Revision | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class GroupName:
    """A group as a permission names it."""

    id: str
    name: str
    members: int


@dataclass(frozen=True, slots=True)
class Permission:
    """Who holds which role on an item.

    Attributes:
        account: the person; None for other kinds, and for what was given to an address, whether or not somebody with
            an account reads it.
        email: the address that it was given to.
        inherited_from: the folder that it is given on, when that is not the item itself.
        inherited_name: the name of that folder, when the asker may read it.
    """

    id: str
    kind: str
    role: Role
    account: Person | None
    login: str | None
    expires_at: str | None
    inherited_from: str | None
    inherited_name: str | None = None
    group: GroupName | None = None
    email: str | None = None


@dataclass(frozen=True, slots=True)
class SharingState:
    """Everybody's rights on an item, and what its owner says about sharing.

    Attributes:
        editors_share: whether editors may share it, as set on the item itself.
        may_set: whether the asker may change the general access and ``editors_share``.
    """

    permissions: list[Permission]
    editors_share: bool
    may_set: bool
