"""Bodies and answers about uploads in pieces and about storage."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from labora.api.models import Answer, Body
from labora.drive.uploads import UploadState

_Id = Annotated[str, Field(max_length=64)]


class NewUploadBody(Body):
    """A file that will come in pieces: a new one in ``parent_id``, or new content of ``file_id``."""

    size: Annotated[int, Field(ge=0)]
    name: Annotated[str, Field(max_length=4096)] = ""
    parent_id: _Id = "root"
    file_id: _Id | None = None
    sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None
    base: _Id | None = Field(None, description="With file_id: the revision that the new content was made from.")


class UploadAnswer(Answer):
    """An upload and where it stands."""

    id: str
    name: str
    size: int
    received: int = Field(description="Bytes that are durable; the next piece begins there.")
    parent_id: str | None
    target_id: str | None = Field(description="The file whose content it will be.")
    file_id: str | None = Field(description="What it became, once it is complete.")
    created_at: str
    expires_at: str

    @classmethod
    def of(cls, state: UploadState) -> UploadAnswer:
        """Returns the answer for an upload."""
        return cls.model_validate(state)


class UploadList(Answer):
    uploads: list[UploadAnswer]


class UsageAnswer(Answer):
    total_bytes: int = Field(description="What the account keeps: files, their revisions and the trash.")
    trash_bytes: int = Field(description="What emptying the trash would free.")


class About(Answer):
    """The account's storage."""

    usage: UsageAnswer
    limit_bytes: int | None
    upload_bytes: int = Field(description="The largest file that can be uploaded.")
    trash_days: float = Field(description="What is in the trash for longer is deleted for ever; 0: never.")
