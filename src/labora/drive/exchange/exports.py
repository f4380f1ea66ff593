"""Notebooks to elsewhere: other formats, GitHub, gists."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from labora.access import Ability, Principal
from labora.base.errors import ConflictError, InvalidError, UnsupportedError
from labora.base.settings import OutsideSettings
from labora.convert.model import FORMATS, SCRIPTS, Options, language_of
from labora.convert.runner import Converter
from labora.drive.exchange.github import GitHub, git_sha
from labora.drive.exchange.imports import with_badge
from labora.drive.exchange.store import keep_source, source_of
from labora.drive.exchange.tokens import GitHubTokens
from labora.drive.model import FileView
from labora.drive.service import Drive


@dataclass(frozen=True, slots=True)
class Exported:
    """A notebook in some format: its file's name, media type and bytes."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ToGitHub:
    """Where a notebook is saved on GitHub.

    Attributes:
        replace: whether what lies there and is not what was seen last may be replaced.
        outputs: whether outputs go too.
        badge: Markdown of the badge that becomes the first cell of what is saved; None for none.
    """

    owner: str
    repo: str
    branch: str
    path: str
    message: str
    replace: bool = False
    outputs: bool = True
    badge: str | None = None


class Exports:
    """Writes notebooks for the outside. ``images``: whether pages may show images from other sites."""

    def __init__(
        self,
        drive: Drive,
        converter: Converter,
        github: GitHub,
        tokens: GitHubTokens,
        settings: OutsideSettings,
        *,
        images: bool,
    ) -> None:
        self._drive, self._converter, self._github = drive, converter, github
        self._tokens, self._settings, self._images = tokens, settings, images

    async def export(self, principal: Principal, file_id: str, options: Options) -> Exported:
        """Returns a notebook as it is now, in another format. Needs ``download``.

        Raises UnsupportedError ``not_a_notebook``, and what :meth:`Converter.write` raises.
        """
        view, content = await self._content(principal, file_id)
        stem = view.name.removesuffix(".ipynb")
        if options.format == "ipynb" and options.code and options.outputs:
            return Exported(view.name, FORMATS["ipynb"].media_type, content)
        kind = FORMATS[options.format]
        written = await self._converter.write(content, replace(options, title=stem, outside=self._images))
        ending = kind.ending if not options.format.startswith("py") else await asyncio.to_thread(script_ending, content)
        return Exported(f"{stem}{ending}", kind.media_type, written)

    async def source(self, principal: Principal, file_id: str) -> dict[str, Any] | None:
        """Returns where a notebook came from or was saved to last, to whoever may change it; else None.

        It may be a private repository or a secret gist of somebody else, which reading alone does not open.
        """
        async with self._drive.context.reading(principal) as connection:
            access = await self._drive.context.access(connection, principal, file_id)
            return await source_of(connection, access.file_id) if access.allows(Ability.EDIT) else None

    async def to_github(self, principal: Principal, file_id: str, to: ToGitHub) -> dict[str, Any]:
        """Commits a notebook and returns where it lies: ``url``, ``commit_url``. Needs ``download``.

        Raises:
            InvalidError: ``github_not_connected``, ``bad_path``.
            ConflictError: ``github_changed``; ``details`` has the ``url`` of what lies there.
        """
        if not to.path.lower().endswith(".ipynb") or to.path.startswith("/") or ".." in to.path.split("/"):
            raise InvalidError('The path ends in ".ipynb" and does not begin with "/".', code="bad_path")
        view, content = await self._content(principal, file_id, outputs=to.outputs)
        if to.badge:
            content = await asyncio.to_thread(with_badge, content, to.badge)
        token = await self._tokens.need(principal)
        there = await self._github.content(to.owner, to.repo, to.branch, to.path, token)
        url = f"{self._settings.github_url}/{to.owner}/{to.repo}/blob/{quote(to.branch)}/{quote(to.path)}"
        known = await self.source(principal, view.id)
        if there is not None and not to.replace and git_sha(there) != _known_sha(known, to):
            raise ConflictError(
                f"Something else lies at {to.path} on GitHub. Look at it; choose “Replace it” to save over it.",
                code="github_changed",
                details={"url": url},
            )
        if there == content:
            return {"url": url, "commit_url": None}
        answer = await self._github.put(
            to.owner, to.repo, to.branch, to.path, content,
            message=to.message, sha=None if there is None else git_sha(there), token=token,
        )  # fmt: skip
        place = {"owner": to.owner, "repo": to.repo, "branch": to.branch, "path": to.path}
        await self._note(principal, view, {"kind": "github", "url": url, "sha": git_sha(content), **place})
        return {"url": url, "commit_url": (answer.get("commit") or {}).get("html_url")}

    async def to_gist(
        self, principal: Principal, file_id: str, *, public: bool, description: str, outputs: bool, again: bool
    ) -> dict[str, Any]:
        """Saves a notebook as a gist, into the one that it is in already with ``again``; returns its ``url``.

        Needs ``download``. Raises InvalidError ``github_not_connected``.
        """
        view, content = await self._content(principal, file_id, outputs=outputs)
        token = await self._tokens.need(principal)
        text = content.decode()
        known = await self.source(principal, view.id)
        if again and known is not None and known.get("kind") == "gist":
            name = str(known["file"])
            answer = await self._github.change_gist(str(known["id"]), name, text, token=token)
        else:
            name = view.name
            answer = await self._github.make_gist(
                name, text, public=public, description=description or view.name, token=token
            )
        url = str(answer["html_url"])
        await self._note(principal, view, {"kind": "gist", "url": url, "id": str(answer["id"]), "file": name})
        return {"url": url, "commit_url": None}

    async def _note(self, principal: Principal, view: FileView, source: dict[str, Any]) -> None:
        """Remembers where a notebook was saved, for whoever may change it."""
        async with self._drive.context.writing(principal) as connection:
            access = await self._drive.context.access(connection, principal, view.id)
            if access.allows(Ability.EDIT):
                await keep_source(connection, view.id, source)
            details = {"kind": source["kind"], "url": source["url"][:500]}
            await self._drive.context.audit(connection, principal, "file.published", view.id, details)

    async def _content(self, principal: Principal, file_id: str, *, outputs: bool = True) -> tuple[FileView, bytes]:
        view, _, pieces = await self._drive.open_content(principal, file_id)
        if view.kind != "notebook":
            raise UnsupportedError("Only notebooks can be written in other formats.", code="not_a_notebook")
        content = b"".join([piece async for piece in pieces])
        if not outputs:
            content = await self._converter.write(content, Options("ipynb", outputs=False))
        return view, content


def _known_sha(known: dict[str, Any] | None, to: ToGitHub) -> str | None:
    if known is None or known.get("kind") != "github":
        return None
    same = all(known.get(key) == getattr(to, key) for key in ("owner", "repo", "branch", "path"))
    return str(known.get("sha")) if same else None


def script_ending(notebook: bytes) -> str:
    """Returns the ending of a notebook's script, by its language."""
    try:
        metadata = json.loads(notebook).get("metadata")
    except (ValueError, AttributeError):
        metadata = None
    return SCRIPTS.get(language_of(metadata if isinstance(metadata, dict) else {}), ".py")
