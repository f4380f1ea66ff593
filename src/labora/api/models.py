"""Bodies and answers of the REST API; the TypeScript client is generated from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from labora.access import Ability, Role
from labora.accounts import Account, ApiToken, Invitation
from labora.drive import FileView, Person, Revision
from labora.drive.batch import MAX_ITEMS
from labora.drive.search.model import Found


class Body(BaseModel):
    """What clients send. A key that is not expected is refused: nothing is assigned by accident."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Answer(BaseModel):
    """What the server answers."""

    model_config = ConfigDict(from_attributes=True)


Name = Annotated[str, Field(max_length=1024)]
Secret = Annotated[str, Field(max_length=1024)]


class ErrorAnswer(Answer):
    """The one shape of every failure."""

    code: str
    message: str
    details: dict[str, Any]


class Done(Answer):
    """An empty answer."""


class Health(Answer):
    status: Literal["ok"]


class Instance(Answer):
    name: str
    version: str
    setup_needed: bool
    instance_id: str
    password_min_length: int
    external_images: bool = Field(description="Markdown may load images from other sites.")
    external_outputs: bool = Field(description="Scripts in outputs may load from other sites.")


# -- accounts ---------------------------------------------------------------------------------------------------------


class AccountAnswer(Answer):
    id: str
    name: str
    login: str
    is_owner: bool
    color: int = Field(description="Index into the presence palette, 0 to 11.")

    @classmethod
    def of(cls, account: Account) -> AccountAnswer:
        """Returns an account as it sees itself."""
        return cls.model_validate(account)


class AccountForOwner(AccountAnswer):
    created_at: str
    disabled_at: str | None


class AccountList(Answer):
    accounts: list[AccountForOwner]


class PersonAnswer(Answer):
    id: str
    name: str
    color: int = Field(description="Index into the presence palette, 0 to 11.")

    @classmethod
    def of(cls, person: Person | None) -> PersonAnswer | None:
        """Returns a person as others see them."""
        return cls.model_validate(person) if person else None


class PersonWithLogin(PersonAnswer):
    login: str


class PeopleList(Answer):
    people: list[PersonWithLogin]


class NewAccountBody(Body):
    name: Name
    login: Name
    password: Secret


class SetupBody(NewAccountBody):
    token: Secret


class LoginBody(Body):
    login: Name
    password: Secret


class MeBody(Body):
    name: Name


class PasswordBody(Body):
    old: Secret
    new: Secret


class ResetBody(Body):
    password: Secret


class AccountBody(Body):
    disabled: bool


class TokenBody(Body):
    label: Name
    scopes: list[Literal["read", "write", "run"]] = Field(max_length=3)
    expires_days: int | None = Field(default=None, ge=1, le=3650)


class TokenAnswer(Answer):
    id: str
    label: str
    scopes: list[str]
    created_at: str
    last_used_at: str | None
    expires_at: str | None

    @classmethod
    def of(cls, token: ApiToken) -> TokenAnswer:
        """Returns a token without its secret."""
        return cls(
            id=token.id,
            label=token.label,
            scopes=list(token.scopes),
            created_at=token.created_at,
            last_used_at=token.last_used_at,
            expires_at=token.expires_at,
        )


class NewToken(TokenAnswer):
    secret: str = Field(description="Shown this once.")


class TokenList(Answer):
    tokens: list[TokenAnswer]


class InvitationBody(Body):
    label: Name = ""


class InvitationAnswer(Answer):
    id: str
    label: str
    created_at: str
    expires_at: str
    used_at: str | None

    @classmethod
    def of(cls, invitation: Invitation) -> InvitationAnswer:
        """Returns an invitation without its secret."""
        return cls.model_validate(invitation)


class InvitationList(Answer):
    invitations: list[InvitationAnswer]


class NewInvitation(InvitationAnswer):
    url: str = Field(description="The link to pass on; shown this once.")


class Link(Answer):
    url: str = Field(description="A one-time link to pass on; shown this once.")


class InvitationPage(Answer):
    label: str
    expires_at: str


# -- drive ------------------------------------------------------------------------------------------------------------


class BaseAnswer(Answer):
    id: str
    name: str

    @classmethod
    def of(cls, base: Mapping[str, Any] | None) -> BaseAnswer | None:
        """Returns the notebook behind a playground; None for an ordinary file."""
        return None if base is None else cls(id=base["id"], name=base["name"])


class TargetAnswer(Answer):
    """What a shortcut leads to."""

    id: str
    kind: Literal["folder", "notebook", "file", "shortcut"]
    media_type: str
    trashed: bool


class FileAnswer(Answer):
    """A file or folder as the asker sees it."""

    id: str
    kind: Literal["folder", "notebook", "file", "shortcut"]
    name: str
    media_type: str
    size: int
    parent_id: str | None
    owner: PersonAnswer
    created_at: str
    modified_at: str
    modified_by: PersonAnswer | None
    trashed_at: str | None
    starred: bool
    version: int
    role: Role
    abilities: list[Ability]
    read_only_reason: str | None
    shared: bool
    opened_at: str | None
    playground_of: BaseAnswer | None = Field(None, description="Of a playground: the notebook it was made from.")
    target: TargetAnswer | None = Field(
        description="Of a shortcut: what it leads to; null where that is gone or may not be read."
    )

    @classmethod
    def of(cls, view: FileView) -> FileAnswer:
        """Returns the REST form of a file."""
        row = view.row
        return cls(
            id=view.id,
            kind=row["kind"],
            name=view.name,
            media_type=row["media_type"],
            size=row["size"],
            parent_id=view.parent_id,
            owner=PersonAnswer.model_validate(view.owner),
            created_at=row["created_at"],
            modified_at=row["modified_at"],
            modified_by=PersonAnswer.of(view.modified_by),
            trashed_at=row["trashed_at"] or row["ancestor_trashed_at"],
            starred=view.starred,
            version=view.version,
            role=view.role,
            abilities=[ability for ability in Ability if ability in view.abilities],
            read_only_reason=row["read_only_reason"],
            shared=view.access.shared,
            opened_at=view.opened_at,
            playground_of=BaseAnswer.of(view.access.base),
            target=TargetAnswer.model_validate(view.target) if view.target else None,
        )


class FileList(Answer):
    files: list[FileAnswer]
    next_page_token: str | None = Field(serialization_alias="nextPageToken")


class FileCount(Answer):
    count: int


class ContentsAnswer(Answer):
    """Everything below a folder, at any depth, without what is in the trash."""

    items: int
    folders: int
    total_bytes: int


class BatchBody(Body):
    """One change of many items; exactly one of the four is given."""

    ids: list[Name] = Field(min_length=1, max_length=MAX_ITEMS)
    parent_id: Name | None = None
    trashed: bool | None = None
    starred: bool | None = None
    delete: Literal[True] | None = Field(default=None, description="Ends them for ever.")


class BatchResult(Answer):
    id: str
    error: ErrorAnswer | None = Field(description="Null where the item was changed.")


class BatchAnswer(Answer):
    """In the order of the ids."""

    results: list[BatchResult]


class SnippetPart(Answer):
    text: str
    hit: bool


class SnippetAnswer(Answer):
    """A line around hits."""

    where: Literal["name", "code", "text", "outputs"]
    cell_id: str | None
    parts: list[SnippetPart]


class SearchResult(Answer):
    file: FileAnswer
    snippets: list[SnippetAnswer]

    @classmethod
    def of(cls, found: Found) -> SearchResult:
        """Returns the REST form of a result."""
        return cls(
            file=FileAnswer.of(found.file),
            snippets=[
                SnippetAnswer(
                    where=snippet.where,
                    cell_id=snippet.cell_id,
                    parts=[SnippetPart(text=text, hit=hit) for text, hit in snippet.parts],
                )
                for snippet in found.snippets
            ],
        )


class SearchAnswer(Answer):
    results: list[SearchResult]
    next_page_token: str | None = Field(serialization_alias="nextPageToken")
    catching_up: bool = Field(description="Files wait to be read into the index: more may be found soon.")


class Ancestors(Answer):
    """Folders above an item, the highest first, as far as the asker may read them."""

    files: list[FileAnswer]


class NewFileBody(Body):
    kind: Literal["folder", "notebook", "shortcut"]
    name: Name | None = Field(default=None, description="May be left out for a shortcut.")
    parent_id: Name = "root"
    target_id: Name | None = Field(default=None, description="What a shortcut leads to.")


class FileBody(Body):
    name: Name | None = None
    parent_id: Name | None = None
    trashed: bool | None = None
    starred: bool | None = None


class CopyBody(Body):
    name: Name | None = None
    parent_id: Name | None = None


class RevisionAnswer(Answer):
    id: str
    number: int
    size: int
    kind: str = Field(description="upload, autosave, mount, named, restore, before-merge or import.")
    name: str | None
    pinned: bool
    author: PersonAnswer | None
    contributors: list[PersonAnswer] = Field(description="Who changed the file since the revision before.")
    created_at: str

    @classmethod
    def of(cls, revision: Revision) -> RevisionAnswer:
        """Returns the REST form of a revision."""
        return cls.model_validate(revision)


class RevisionList(Answer):
    revisions: list[RevisionAnswer]
    next_page_token: str | None = Field(serialization_alias="nextPageToken")


class NewRevisionBody(Body):
    name: Annotated[str, Field(max_length=255)] | None = None
    pinned: bool = False


class RevisionBody(Body):
    name: Annotated[str, Field(max_length=255)] | None = None
    pinned: bool = False
