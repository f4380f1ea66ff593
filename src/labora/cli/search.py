"""``labora search``: the full-text index of a data folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from labora.cli.options import Config, DataDir
from labora.cli.users import with_database_of

if TYPE_CHECKING:
    from labora.base.settings import Settings
    from labora.db import Database

app = typer.Typer(help="The full-text index of a data folder.", no_args_is_help=True)


@app.command("rebuild")
def rebuild(config: Config = None, data_dir: DataDir = None) -> None:
    """Reads all files into the index anew; a server may run meanwhile."""

    async def work(database: Database, settings: Settings) -> None:
        from labora.api.wiring import build_search
        from labora.blobs import Blobs
        from labora.drive import Drive
        from labora.drive.inspect import notebook_inspector

        blobs = Blobs(database, settings.state_dir / "blobs")
        drive = Drive(database, blobs, settings.limits, notebook_inspector(settings.limits))
        count = await build_search(settings, drive, blobs).rebuild()
        print(f"{count} files are in the index.")

    with_database_of(config, data_dir, work)


@app.command("state")
def state(config: Config = None, data_dir: DataDir = None) -> None:
    """Tells how many files the index holds, and how many wait."""

    async def work(database: Database, settings: Settings) -> None:
        from labora.drive.search.fts5 import Fts5Index

        index = Fts5Index(settings.database_url, settings.state_dir / "search.db")
        await index.open()
        try:
            found = await index.state()
        finally:
            await index.close()
        print(f"{found.indexed} files in the index, {found.waiting} waiting")

    with_database_of(config, data_dir, work)
