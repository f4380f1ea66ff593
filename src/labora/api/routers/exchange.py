"""Notebooks in and out: imports by address, GitHub, gists, other formats."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Annotated, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from labora.access import Ability, Principal, Scope
from labora.api.bytes import attachment
from labora.api.exchange_models import (
    Branches,
    FileSource,
    FindBody,
    FoundAnswer,
    GitHubAccount,
    GitHubTokenBody,
    ImportBody,
    Notebooks,
    Published,
    Repositories,
    Repository,
    SourceAnswer,
    ToGistBody,
    ToGitHubBody,
)
from labora.api.models import Done, FileAnswer
from labora.api.needs import Needs, services_of
from labora.api.public import PREFIX
from labora.api.services import Services
from labora.base.errors import UnavailableError
from labora.convert.model import Format, Options
from labora.drive.exchange.exports import ToGitHub

router = APIRouter(prefix=PREFIX, tags=["exchange"])
Container = Annotated[Services, Depends(services_of)]
Reader = Annotated[Principal, Depends(Needs(Scope.READ))]
Writer = Annotated[Principal, Depends(Needs(Scope.WRITE))]
Person = Annotated[Principal, Depends(Needs(Scope.ACCOUNT))]
Downloader = Annotated[Principal, Depends(Needs(Scope.READ, Ability.DOWNLOAD))]
# What leaves for another site leaves for good: a token that only reads does not do that.
Publisher = Annotated[Principal, Depends(Needs(Scope.WRITE, Ability.DOWNLOAD))]
FoundId = Annotated[str, Path(max_length=64)]
Name = Annotated[str, Query(min_length=1, max_length=255)]
Result = TypeVar("Result")
BADGE = "/open-in-labora.svg"
_READ = "allow-popups"
# Same origin without scripts: the notebook's page may then tell its own frame to print.
_PRINTED = "allow-same-origin allow-modals"


# -- in ---------------------------------------------------------------------------------------------------------------


@router.post("/imports")
async def find_import(body: FindBody, caller: Writer, services: Container) -> FoundAnswer:
    """Fetches the notebook that an address names and keeps it for ten minutes. Makes no file."""
    return FoundAnswer.of(await services.exchange.imports.find(caller, body.url))


@router.get("/imports/{found_id}/page", response_class=Response)
async def import_page(found_id: FoundId, request: Request, caller: Writer, services: Container) -> Response:
    """Returns what was fetched as a page to read, in which nothing runs."""
    page = await _while_waited_for(request, services.exchange.imports.page(caller, found_id))
    return Response(page, media_type="text/html; charset=utf-8", headers=_framed(services, _READ))


@router.post("/imports/{found_id}", status_code=201)
async def take_import(found_id: FoundId, body: ImportBody, caller: Writer, services: Container) -> FileAnswer:
    """Makes a notebook of what was fetched."""
    return FileAnswer.of(await services.exchange.imports.take(caller, found_id, body.parent_id, body.name))


@router.post("/files/{file_id}/notebook", status_code=201)
async def text_as_notebook(file_id: str, caller: Publisher, services: Container) -> FileAnswer:
    """Makes a notebook of a script or Markdown file."""
    return FileAnswer.of(await services.exchange.imports.as_notebook(caller, file_id))


# -- GitHub -----------------------------------------------------------------------------------------------------------


@router.get("/github/account")
async def github_account(caller: Person, services: Container) -> GitHubAccount:
    """Tells whether the account has a GitHub token here."""
    exchange = services.exchange
    found = await exchange.tokens.connected(caller)
    return GitHubAccount.of(exchange.settings.enabled, exchange.settings.github_url, found)


@router.put("/github/account")
async def connect_github(body: GitHubTokenBody, caller: Person, services: Container) -> GitHubAccount:
    """Stores a GitHub token, sealed, after GitHub has told whose it is."""
    exchange = services.exchange
    login, scopes = await exchange.github.whoami(body.token)
    kept = await exchange.tokens.keep(caller, body.token, login, scopes)
    return GitHubAccount.of(exchange.settings.enabled, exchange.settings.github_url, kept)


@router.delete("/github/account")
async def disconnect_github(caller: Person, services: Container) -> Done:
    """Forgets the stored GitHub token."""
    await services.exchange.tokens.forget(caller)
    return Done()


@router.get("/github/repositories")
async def github_repositories(owner: Name, caller: Reader, services: Container) -> Repositories:
    """Lists repositories of a person or organisation on GitHub."""
    token = await services.exchange.tokens.token(caller)
    found = await services.exchange.github.repositories(owner, token)
    return Repositories(repositories=[Repository.model_validate(repo, from_attributes=False) for repo in found])


@router.get("/github/branches")
async def github_branches(owner: Name, repo: Name, caller: Reader, services: Container) -> Branches:
    """Lists branches of a repository."""
    token = await services.exchange.tokens.token(caller)
    default, names = await services.exchange.github.branches(owner, repo, token)
    return Branches(default_branch=default, branches=names)


@router.get("/github/notebooks")
async def github_notebooks(owner: Name, repo: Name, ref: Name, caller: Reader, services: Container) -> Notebooks:
    """Lists what can be opened as a notebook in a repository."""
    token = await services.exchange.tokens.token(caller)
    paths, truncated = await services.exchange.github.notebooks(owner, repo, ref, token)
    return Notebooks(paths=paths, truncated=truncated)


# -- out --------------------------------------------------------------------------------------------------------------


@router.get("/files/{file_id}/export", response_class=Response)
async def export_file(
    file_id: str,
    request: Request,
    caller: Downloader,
    services: Container,
    wanted: Annotated[Format, Query(alias="format")] = "html",
    code: bool = True,
    outputs: bool = True,
    inline: Annotated[bool, Query(description="Of HTML: as a page to print, in which nothing runs.")] = False,
) -> Response:
    """Returns a notebook as it is now in another format, as an attachment."""
    options = Options(wanted, code, outputs)
    made = await _while_waited_for(request, services.exchange.exports.export(caller, file_id, options))
    if inline and wanted == "html":
        return Response(made.content, media_type="text/html; charset=utf-8", headers=_framed(services, _PRINTED))
    return Response(
        made.content, media_type="application/octet-stream", headers={"Content-Disposition": attachment(made.name)}
    )


@router.get("/files/{file_id}/source")
async def file_source(
    file_id: str,
    request: Request,
    caller: Annotated[Principal, Depends(Needs(Scope.READ, Ability.READ))],
    services: Container,
) -> FileSource:
    """Tells where a notebook came from or was saved to, and what a badge for it links to."""
    found = await services.exchange.exports.source(caller, file_id)
    origin = request.scope["labora.host"].origin
    return FileSource(
        source=None if found is None else SourceAnswer.of(found),
        open_url=None if found is None else _open_url(origin, found),
        badge_url=origin + BADGE,
    )


@router.post("/files/{file_id}/github")
async def save_to_github(
    file_id: str, body: ToGitHubBody, request: Request, caller: Publisher, services: Container
) -> Published:
    """Commits a notebook to GitHub."""
    origin = request.scope["labora.host"].origin
    place = {"kind": "github", **body.model_dump(include={"owner", "repo", "branch", "path"})}
    badge = f"[![Open in Labora]({origin}{BADGE})]({_open_url(origin, place)})" if body.badge else None
    to = ToGitHub(**body.model_dump(exclude={"badge"}), badge=badge)
    return Published(**await services.exchange.exports.to_github(caller, file_id, to))


@router.post("/files/{file_id}/gist")
async def save_as_gist(file_id: str, body: ToGistBody, caller: Publisher, services: Container) -> Published:
    """Saves a notebook as a gist."""
    return Published(**await services.exchange.exports.to_gist(caller, file_id, **body.model_dump()))


def _framed(services: Services, sandbox: str) -> dict[str, str]:
    """Returns the headers of a page in which nothing runs, for a frame of this server's own pages."""
    images = "data: https:" if services.settings.server.external_images else "data:"
    policy = (
        f"default-src 'none'; img-src {images}; media-src data:; style-src 'unsafe-inline'; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox {sandbox}"
    )
    return {"X-Frame-Options": "SAMEORIGIN", "Content-Security-Policy": policy}


def _open_url(origin: str, source: dict[str, str]) -> str:
    if source["kind"] == "github":
        ref = f"{quote(source['branch'])}/{quote(source['path'])}"
        return f"{origin}/github/{quote(source['owner'])}/{quote(source['repo'])}/blob/{ref}"
    if source["kind"] == "gist":
        return f"{origin}/gist/-/{quote(source['id'])}/{quote(source['file'])}"
    return f"{origin}/url?u={quote(source['url'], safe='')}"


async def _while_waited_for(request: Request, work: Awaitable[Result]) -> Result:
    """Returns what ``work`` gives; ends it when the client has gone, with an error that nobody reads."""
    task = asyncio.ensure_future(work)
    gone = False

    async def watch() -> None:
        nonlocal gone
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone = True
        task.cancel()

    watcher = asyncio.create_task(watch())
    try:
        return await task
    except asyncio.CancelledError:
        if gone:
            raise UnavailableError("The client has gone.", code="client_gone") from None
        task.cancel()
        raise
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
