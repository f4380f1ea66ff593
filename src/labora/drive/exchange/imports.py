"""Notebooks from elsewhere: fetched, looked at, and made one's own by a second, deliberate step."""

from __future__ import annotations

import asyncio
import json
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from labora.access import Ability, Principal
from labora.base.errors import GoneError, InvalidError, NotFoundError, UnsupportedError
from labora.base.ids import new_id
from labora.base.settings import LimitSettings, OutsideSettings
from labora.convert.model import TEXTS, Options
from labora.convert.runner import Converter
from labora.drive.base import account_of
from labora.drive.exchange.addresses import GistPlace, GitHubPlace, Place, page_path, place_of
from labora.drive.exchange.fetching import Fetcher, FetchError
from labora.drive.exchange.github import GitHub
from labora.drive.exchange.store import keep_source
from labora.drive.exchange.tokens import GitHubTokens
from labora.drive.model import FileView
from labora.drive.names import MAX_LENGTH, clean_name
from labora.drive.service import Drive
from labora.notebook.codec import read_notebook

KEPT_S = 600.0
_KEPT = 64
_KEPT_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """A notebook that was fetched and may be imported for a while.

    Attributes:
        source: where it came from, as :func:`labora.drive.exchange.store.keep_source` keeps it.
        read_only_reason: why it could not be edited once imported.
    """

    id: str
    account_id: str
    name: str
    content: bytes
    source: dict[str, Any]
    path: str
    cells: int
    language: str
    read_only_reason: str | None
    until: float = field(default=0.0)


class Imports:
    """Fetches notebooks and makes files of them. Nothing that is fetched runs, and none is a file by itself.

    ``images``: whether pages may show images from other sites.
    """

    def __init__(
        self,
        drive: Drive,
        fetcher: Fetcher,
        github: GitHub,
        tokens: GitHubTokens,
        converter: Converter,
        limits: LimitSettings,
        settings: OutsideSettings,
        *,
        images: bool,
    ) -> None:
        self._drive, self._fetcher, self._github, self._tokens = drive, fetcher, github, tokens
        self._converter, self._limits, self._settings, self._images = converter, limits, settings, images
        self._kept: OrderedDict[str, Found] = OrderedDict()

    async def find(self, principal: Principal, text: str) -> Found:
        """Fetches what a pasted address names and keeps it for ten minutes.

        Raises:
            InvalidError: ``bad_place``, ``address_refused``, ``not_a_notebook`` and what the reader says.
            NotFoundError: ``github_not_found``, ``not_there``.
            ForbiddenError, RateLimitedError, FetchError, TooLargeError: as Fetcher and GitHub say.
        """
        place = place_of(text, self._settings)
        name, content, source = await self._fetch(principal, place)
        if name.lower().endswith(TEXTS):
            content = await self._converter.read(content, name)
        name = notebook_name(name)
        result = await asyncio.to_thread(read_notebook, content, self._limits)
        language = result.notebook.metadata.get("language_info")
        found = Found(
            new_id(), account_of(principal), name, content, source, page_path(place), len(result.notebook.cells),
            str(language.get("name", "")) if isinstance(language, dict) else "",
            result.read_only_reason, time.monotonic() + KEPT_S,
        )  # fmt: skip
        self._keep(found)
        return found

    async def _fetch(self, principal: Principal, place: Place) -> tuple[str, bytes, dict[str, Any]]:
        if isinstance(place, GitHubPlace):
            file = await self._github.read(place, await self._tokens.token(principal))
            about = {"owner": file.owner, "repo": file.repo, "branch": file.branch, "path": file.path, "sha": file.sha}
            url = f"{self._settings.github_url}/{file.owner}/{file.repo}/blob/{file.branch}/{file.path}"
            return place.name, file.content, {"kind": "github", "url": url, **about}
        if isinstance(place, GistPlace):
            gist = await self._github.gist(place, await self._tokens.token(principal))
            url = f"{self._settings.gist_url}/{gist.owner}/{gist.id}"
            return gist.name, gist.content, {"kind": "gist", "url": url, "id": gist.id, "file": gist.name}
        answer = await self._fetcher.get(place.url)
        if answer.status in {404, 410}:
            raise NotFoundError(f"{urlsplit(place.url).hostname} has nothing at this address.", code="not_there")
        if answer.status >= 300:
            raise FetchError(
                f"{urlsplit(place.url).hostname} answered with status {answer.status}. It may want you to sign in: "
                "download the file yourself and upload it."
            )
        name = PurePosixPath(unquote(urlsplit(place.url).path)).name or "Notebook"
        if answer.body.lstrip()[:1] == b"<":
            raise InvalidError(
                "This is a web page, not a notebook. Look there for a link to the raw file.", code="not_a_notebook"
            )
        return name, answer.body, {"kind": "url", "url": place.url}

    def _keep(self, found: Found) -> None:
        now = time.monotonic()
        self._kept[found.id] = found
        for key in [key for key, one in self._kept.items() if one.until < now]:
            del self._kept[key]
        while len(self._kept) > 1 and (
            len(self._kept) > _KEPT or sum(len(one.content) for one in self._kept.values()) > _KEPT_BYTES
        ):
            self._kept.popitem(last=False)

    def get(self, principal: Principal, found_id: str) -> Found:
        """Returns what :meth:`find` found for this account. Raises GoneError ``import_expired``."""
        found = self._kept.get(found_id)
        if found is None or found.account_id != account_of(principal) or found.until < time.monotonic():
            raise GoneError("This was fetched too long ago. Open its address again.", code="import_expired")
        return found

    async def page(self, principal: Principal, found_id: str) -> bytes:
        """Returns what was found as a page to read, in which nothing runs."""
        found = self.get(principal, found_id)
        title = found.name.removesuffix(".ipynb")
        return await self._converter.write(found.content, Options("html", title=title, outside=self._images))

    async def take(self, principal: Principal, found_id: str, parent_id: str, name: str | None) -> FileView:
        """Makes a notebook of what was found. Needs ``edit`` on the folder that it goes into."""
        found = self.get(principal, found_id)
        view = await self._drive.create_notebook(
            principal, clean_name(name or found.name), parent_id, content=found.content
        )
        async with self._drive.context.writing(principal) as connection:
            await keep_source(connection, view.id, found.source)
        return view

    async def as_notebook(self, principal: Principal, file_id: str) -> FileView:
        """Makes a notebook of a script or Markdown file of the drive, beside it where that may be.

        Raises UnsupportedError for other files, InvalidError ``not_a_notebook``. Needs ``download``.
        """
        view, size, pieces = await self._drive.open_content(principal, file_id)
        if view.kind != "file" or not view.name.lower().endswith(TEXTS):
            raise UnsupportedError(f"Files ending in {', '.join(TEXTS)} can be opened as notebooks.", code="not_a_text")
        if size > self._limits.notebook_bytes:
            raise UnsupportedError("The file is too large for a notebook.", code="not_a_text")
        content = b"".join([piece async for piece in pieces])
        notebook = await self._converter.read(content, view.name)
        parent = "root"
        if view.parent_id is not None and (await self._drive.access(principal, view.parent_id)).allows(Ability.EDIT):
            parent = view.parent_id
        return await self._drive.create_notebook(principal, notebook_name(view.name), parent, content=notebook)


def notebook_name(name: str) -> str:
    """Returns the name of the notebook that a file becomes."""
    if name.lower().endswith(".ipynb"):
        return name
    stem = PurePosixPath(name).stem if name.lower().endswith(TEXTS) else name
    return f"{stem[: MAX_LENGTH - 6]}.ipynb"


def with_badge(notebook: bytes, markdown: str) -> bytes:
    """Returns a notebook whose first cell is a badge, in place of the one that may be there."""
    parsed = json.loads(notebook)
    cells = parsed.get("cells")
    if not isinstance(cells, list):
        return notebook
    cells = [cell for cell in cells if not is_badge(cell)]
    badge: dict[str, Any] = {"cell_type": "markdown", "metadata": {"id": "view-in-github"}, "source": [markdown]}
    if parsed.get("nbformat_minor", 0) >= 5:
        badge["id"] = "view-in-github"
    parsed["cells"] = [badge, *cells]
    return (json.dumps(parsed, indent=1, ensure_ascii=False) + "\n").encode()


def is_badge(cell: Any) -> bool:
    """Returns whether a cell is a badge that was put first by :func:`with_badge` or by Colab."""
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    marked = isinstance(metadata, dict) and metadata.get("id") == "view-in-github"
    return (
        isinstance(cell, dict)
        and cell.get("cell_type") == "markdown"
        and (marked or cell.get("id") == "view-in-github")
    )
