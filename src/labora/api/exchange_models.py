"""Bodies and answers of the routes that bring notebooks in and out."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from labora.api.models import Answer, Body
from labora.drive.exchange.imports import Found
from labora.drive.exchange.tokens import Connected

Address = Annotated[str, Field(min_length=1, max_length=4096)]
Short = Annotated[str, Field(min_length=1, max_length=255)]


class FindBody(Body):
    url: Address = Field(description="An address of GitHub, a gist, Colab or any notebook; or /github/…, /gist/….")


class SourceAnswer(Answer):
    """Where a notebook came from or was saved to."""

    kind: Literal["github", "gist", "url"]
    url: str
    owner: str | None = None
    repo: str | None = None
    branch: str | None = None
    path: str | None = None

    @classmethod
    def of(cls, source: dict[str, Any]) -> SourceAnswer:
        """Returns what is kept of it that people may see."""
        return cls(**{key: source[key] for key in cls.model_fields if key in source})


class FoundAnswer(Answer):
    """A notebook that was fetched. It is no file until it is imported."""

    id: str
    name: str
    size: int
    cells: int
    language: str
    path: str = Field(description="Path of this server under which the same opens.")
    source: SourceAnswer
    read_only_reason: str | None

    @classmethod
    def of(cls, found: Found) -> FoundAnswer:
        """Returns what is told of it."""
        return cls(
            id=found.id, name=found.name, size=len(found.content), cells=found.cells, language=found.language,
            path=found.path, source=SourceAnswer.of(found.source), read_only_reason=found.read_only_reason,
        )  # fmt: skip


class ImportBody(Body):
    parent_id: Annotated[str, Field(max_length=64)] = "root"
    name: Annotated[str, Field(max_length=1024)] | None = None


class GitHubAccount(Answer):
    """Whether the account has a token here, and where it is for."""

    enabled: bool = Field(description="Whether this server fetches from other sites at all.")
    github_url: str
    connected: bool
    login: str | None
    scopes: str
    since: str | None

    @classmethod
    def of(cls, enabled: bool, github_url: str, found: Connected | None) -> GitHubAccount:
        """Returns what is told of a stored token."""
        known = {"login": found.login, "scopes": found.scopes, "since": found.created_at} if found else {}
        empty: dict[str, Any] = {"login": None, "scopes": "", "since": None}
        return cls(enabled=enabled, github_url=github_url, connected=found is not None, **(empty | known))


class GitHubTokenBody(Body):
    token: Annotated[str, Field(min_length=4, max_length=400, pattern=r"^[\x21-\x7e]+$")]


class Repository(Answer):
    full_name: str
    private: bool = False
    description: str | None = None
    default_branch: str = "main"


class Repositories(Answer):
    repositories: list[Repository]


class Branches(Answer):
    default_branch: str
    branches: list[str]


class Notebooks(Answer):
    paths: list[str]
    truncated: bool = Field(description="GitHub lists only a part of a repository as large as this.")


class ToGitHubBody(Body):
    owner: Short
    repo: Short
    branch: Short
    path: Annotated[str, Field(min_length=1, max_length=1000)]
    message: Annotated[str, Field(min_length=1, max_length=5000)]
    outputs: bool = True
    badge: bool = Field(False, description="Whether a badge that opens it here becomes its first cell there.")
    replace: bool = Field(False, description="Whether what lies there and is not known here may be replaced.")


class ToGistBody(Body):
    public: bool = False
    description: Annotated[str, Field(max_length=255)] = ""
    outputs: bool = True
    again: bool = Field(False, description="Into the gist that it was saved to or came from, where there is one.")


class Published(Answer):
    url: str
    commit_url: str | None


class FileSource(Answer):
    source: SourceAnswer | None
    open_url: str | None = Field(description="Address of this server that opens the source; what a badge links to.")
    badge_url: str
