"""Bodies and answers about sharing, groups and notices."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field

from labora.access import Role
from labora.accounts.groups import Group, Member
from labora.api.models import Answer, Body, Name, PersonAnswer
from labora.drive import Permission
from labora.drive.model import SharingState
from labora.drive.notifications import Notice, NoticePage
from labora.drive.requests import AccessRequest

GivenRole = Literal["editor", "commenter", "viewer"]
# Strict bodies take texts alone; a moment is one.
Moment = Annotated[AwareDatetime, Field(strict=False)]
Message = Annotated[str, Field(max_length=2000)]


class PermissionBody(Body):
    """Names one of ``account_id``, ``login``, ``email`` and ``group_id``, or the kind ``domain`` or ``anyone``."""

    role: GivenRole
    account_id: Name | None = None
    login: Name | None = None
    email: Name | None = None
    group_id: Name | None = None
    kind: Literal["person", "group", "domain", "anyone"] | None = None
    expires_at: Moment | None = None
    notify: bool = True
    message: Message = ""


class PermissionChangeBody(Body):
    role: Literal["owner", "editor", "commenter", "viewer"] | None = None
    expires_at: Moment | None = Field(default=None, description="null: for good. Left out: as it was.")


class GroupNameAnswer(Answer):
    id: str
    name: str
    members: int


class PermissionAnswer(Answer):
    id: str
    kind: Literal["person", "group", "domain", "anyone"]
    role: Role
    account: PersonAnswer | None
    login: str | None
    email: str | None = Field(description="The address that it was given to, whoever reads it.")
    group: GroupNameAnswer | None
    expires_at: str | None
    inherited_from: str | None = Field(description="The folder above that it is given on.")
    inherited_name: str | None = Field(description="Name of that folder, where the asker may read it.")

    @classmethod
    def of(cls, permission: Permission) -> PermissionAnswer:
        """Returns the REST form of a permission."""
        return cls.model_validate(permission)


class PermissionList(Answer):
    permissions: list[PermissionAnswer]
    editors_share: bool = Field(description="Whether editors may share the item, as set on itself.")
    may_set: bool = Field(description="The asker may change the general access and editors_share.")

    @classmethod
    def of(cls, state: SharingState) -> PermissionList:
        """Returns the REST form of everybody's rights on an item."""
        return cls.model_validate(state)


class GeneralBody(Body):
    reach: Literal["restricted", "domain", "anyone"]
    role: GivenRole | None = Field(default=None, description="None for restricted.")


class SharingBody(Body):
    """What is left out stays."""

    general: GeneralBody | None = None
    editors_share: bool | None = None


class AccessRequestBody(Body):
    role: GivenRole = "viewer"
    message: Annotated[str, Field(max_length=1000)] = ""


class DecisionBody(Body):
    role: GivenRole | None = Field(description="null refuses.")


class AccessRequestAnswer(Answer):
    id: str
    account: PersonAnswer
    login: str
    role: Role
    message: str
    created_at: str
    decided_at: str | None
    granted_role: Role | None

    @classmethod
    def of(cls, request: AccessRequest) -> AccessRequestAnswer:
        """Returns the REST form of a request."""
        return cls.model_validate(request)


class AccessRequestList(Answer):
    requests: list[AccessRequestAnswer]


# -- groups -----------------------------------------------------------------------------------------------------------


class GroupBody(Body):
    name: Name


class GroupAnswer(Answer):
    id: str
    name: str
    members: int
    member: bool = Field(description="The asker belongs to it.")
    manages: bool = Field(description="The asker may change it.")

    @classmethod
    def of(cls, group: Group) -> GroupAnswer:
        """Returns the REST form of a group."""
        return cls.model_validate(group)


class GroupList(Answer):
    groups: list[GroupAnswer]


class MemberBody(Body):
    is_manager: bool = False


class MemberAnswer(PersonAnswer):
    login: str
    is_manager: bool


class GroupWithMembers(GroupAnswer):
    people: list[MemberAnswer]

    @classmethod
    def with_members(cls, group: Group, members: list[Member]) -> GroupWithMembers:
        """Returns a group and who belongs to it."""
        people = [MemberAnswer.model_validate(member) for member in members]
        return cls(**GroupAnswer.of(group).model_dump(), people=people)


# -- notices ----------------------------------------------------------------------------------------------------------


class NoticeFile(Answer):
    id: str
    name: str | None = Field(description="null where the asker may not read it.")
    kind: str | None


class NoticeAnswer(Answer):
    id: str
    kind: str = Field(
        description="shared, access_requested, access_granted, access_refused, owner_changed, comment, mention or "
        "comment_resolved."
    )
    actor: PersonAnswer | None
    file: NoticeFile | None
    details: dict[str, Any]
    created_at: str
    read: bool
    answered: bool | None = Field(description="Of a request for access: somebody answered it.")

    @classmethod
    def of(cls, notice: Notice) -> NoticeAnswer:
        """Returns the REST form of a notice."""
        file_id = notice.file_id
        return cls(
            id=notice.id,
            kind=notice.kind,
            actor=PersonAnswer.of(notice.actor),
            file=NoticeFile(id=file_id, name=notice.file_name, kind=notice.file_kind) if file_id else None,
            details=dict(notice.details),
            created_at=notice.created_at,
            read=notice.read,
            answered=notice.answered,
        )


class NoticeList(Answer):
    notifications: list[NoticeAnswer]
    next_page_token: str | None = Field(serialization_alias="nextPageToken")
    unread: int

    @classmethod
    def of(cls, page: NoticePage) -> NoticeList:
        """Returns the REST form of a page of notices."""
        notices = [NoticeAnswer.of(notice) for notice in page.notices]
        return cls(notifications=notices, next_page_token=page.next_page_token, unread=page.unread)


class ReadBody(Body):
    ids: list[Name] | None = Field(default=None, max_length=500, description="null: all of them.")


class Unread(Answer):
    unread: int


class LettersBody(Body):
    wanted: bool


class Letters(Answer):
    address: str | None = Field(description="Where the account reads e-mail; null where it is not known.")
    wanted: bool
