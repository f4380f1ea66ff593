"""``labora drive``: files of an account on a running server, from the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from labora.cli.drive_client import DriveClient

app = typer.Typer(help="Files of an account on a running server.", no_args_is_help=True)

Server = Annotated[str, typer.Option("--server", envvar="LABORA_URL", help="Address of the server.")]
Token = Annotated[str, typer.Option("--token", envvar="LABORA_TOKEN", help="API token of the account.")]
Place = Annotated[str, typer.Argument(help="A path from My Drive (reports/2026), or id:FILE_ID.")]


@app.command("ls")
def ls(
    place: Place = "",
    query: Annotated[str, typer.Option("--query", "-q", help="Condition in the language of the API's q.")] = "",
    long: Annotated[bool, typer.Option("--long", "-l", help="With id, size, date and owner.")] = False,
    server: Server = "http://localhost:8000",
    token: Token = "",
) -> None:
    """Lists a folder; with --query everything readable that fits."""

    async def work(client: DriveClient) -> None:
        async for file in client.found(query) if query and not place else client.listed(place, query):
            name = file["name"] + ("/" if file["kind"] == "folder" else "")
            about = f"{file['id']}  {file['size']:>12}  {file['modified_at']}  {file['owner']['name']:20}  "
            print(about + name if long else name)

    _with_client(server, token, work)


@app.command("get")
def get(
    place: Place,
    target: Annotated[Path, typer.Argument(help="File or folder to write; an existing folder takes it in.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files.")] = False,
    form: Annotated[str, typer.Option("--as", help="Notebooks as: html, pdf, md, py (cells marked), py-light.")] = "",
    code: Annotated[bool, typer.Option("--code/--no-code", help="With --as: whether with code.")] = True,
    outputs: Annotated[bool, typer.Option("--outputs/--no-outputs", help="With --as: whether with outputs.")] = True,
    server: Server = "http://localhost:8000",
    token: Token = "",
) -> None:
    """Downloads a file, or a folder with everything below it."""
    from labora.base.errors import InvalidError
    from labora.convert.model import FORMATS

    if form and form not in FORMATS:
        raise InvalidError(f"--as is one of {', '.join(FORMATS)}.", code="bad_format")
    export = {"format": form, "code": str(code).lower(), "outputs": str(outputs).lower()} if form else None

    async def work(client: DriveClient) -> None:
        await client.get(place, target, force=force, report=print, export=export)

    _with_client(server, token, work)


@app.command("put")
def put(
    sources: Annotated[list[Path], typer.Argument(help="Files or folders.", exists=True)],
    to: Annotated[str, typer.Option("--to", help="Folder: a path from My Drive, made when missing, or id:ID.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="A file of the same name gets the new content.")] = False,
    server: Server = "http://localhost:8000",
    token: Token = "",
) -> None:
    """Uploads files, and folders with everything below them."""

    async def work(client: DriveClient) -> None:
        for source in sources:
            await client.put(source, to, replace=replace, report=print)

    _with_client(server, token, work)


@app.command("share")
def share(
    place: Place,
    login: Annotated[str, typer.Argument(help="Sign-in name of the person.")],
    role: Annotated[str, typer.Option("--role", help="viewer, commenter or editor.")] = "viewer",
    server: Server = "http://localhost:8000",
    token: Token = "",
) -> None:
    """Gives a person a role on a file or folder."""

    async def work(client: DriveClient) -> None:
        await client.share(place, login, role)
        print(f"{login} is {role} of {place}")

    _with_client(server, token, work)


def _with_client(server: str, token: str, work: Callable[[DriveClient], Awaitable[None]]) -> None:
    from labora.base.errors import InvalidError
    from labora.cli.drive_client import DriveClient

    if not token:
        raise InvalidError("Give an API token with --token or LABORA_TOKEN. Make one under Settings → API tokens.")

    async def run() -> None:
        async with DriveClient(server, token) as client:
            await work(client)

    asyncio.run(run())
