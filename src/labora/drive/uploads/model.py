"""Unfinished uploads and what refuses them."""

from __future__ import annotations

from dataclasses import dataclass

from labora.base.errors import ConflictError, NotFoundError, UnavailableError


@dataclass(frozen=True, slots=True)
class NewUpload:
    """What somebody wants to send.

    Attributes:
        size: bytes of the whole.
        name: of the new file; of no meaning with ``file_id``.
        parent_id: the folder that the new file is made in.
        file_id: the file that gets new content instead.
        sha256: what the whole must hash to, if known.
        base: the revision that new content was made from.
    """

    size: int
    name: str = ""
    parent_id: str = "root"
    file_id: str | None = None
    sha256: str | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True)
class UploadState:
    """Where an upload stands.

    Attributes:
        received: bytes that are durable here; the next piece begins there.
        file_id: the file that it became, once it is complete.
    """

    id: str
    name: str
    size: int
    received: int
    parent_id: str | None
    target_id: str | None
    file_id: str | None
    created_at: str
    expires_at: str


class OffsetMismatchError(ConflictError):
    """A piece does not begin where the upload stands; ``details`` tells ``received``."""

    code = "offset_mismatch"

    def __init__(self, received: int) -> None:
        super().__init__(f"This upload stands at byte {received}. Go on from there.", details={"received": received})


class StorageFullError(UnavailableError):
    """The disk of the server has no room; what arrived is kept."""

    code, status = "storage_full", 507


def no_such_upload() -> NotFoundError:
    """Returns the error for an upload that is not there, or is somebody else's."""
    return NotFoundError("There is no such upload (any more). Start it again.", code="no_such_upload")
