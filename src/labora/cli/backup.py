"""``labora backup`` and ``labora restore``: everything that a data folder's ``state`` holds, at one moment."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labora.base.errors import InvalidError
from labora.cli.options import Config, DataDir, settings_for

if TYPE_CHECKING:
    from labora.backup import Progress

_EVERY_S = 1.0


def backup(
    place: Annotated[
        Path, typer.Argument(help="A new file that ends in .tar, or a folder, which is brought up to date.")
    ],
    config: Config = None,
    data_dir: DataDir = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what is wrong.")] = False,
    with_key: Annotated[
        bool, typer.Option("--with-key", help="Also the key that opens people's secrets and tokens.")
    ] = False,
) -> None:
    """Backs a data folder up at one moment, while people work. A folder takes only what is new."""
    from labora.backup import back_up

    settings = settings_for(config, data_dir)
    manifest = back_up(settings, place, _printer(quiet), with_key=with_key)
    if not quiet:
        size = manifest.blob_bytes / 1e6
        print(f"• Backup of {manifest.created_at}: the database and {manifest.blobs} blobs ({size:,.1f} MB) in {place}")
    if manifest.damaged:
        print(
            f"✗ {len(manifest.damaged)} blobs are missing or damaged in the data folder and are not in the backup, "
            f"such as {manifest.damaged[0]}. Everything else is.",
            file=sys.stderr,
        )
        raise typer.Exit(1)


def restore(
    place: Annotated[Path, typer.Argument(help="The backup: a file or a folder.", exists=True)],
    force: Annotated[bool, typer.Option("--force", help="Move what is in the data folder aside.")] = False,
    config: Config = None,
    data_dir: DataDir = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what is wrong.")] = False,
) -> None:
    """Makes a data folder of a backup; every file of it is checked first. No server may run on it."""
    from labora.backup import restore as restore_backup
    from labora.cli.serve import take_folder

    settings = settings_for(config, data_dir)
    if settings.storage.database_url is not None:
        raise InvalidError("`labora restore` makes an SQLite database; unset storage.database_url.")
    state = settings.state_dir
    if state.exists():
        take_folder(settings)
        if any(path.name != "serve.lock" for path in state.iterdir()) and not force:
            raise InvalidError(
                f"{settings.storage.data_dir} holds a Labora already. Name an empty folder with --data-dir, "
                "or say --force to move what it holds aside.",
                code="data_dir_taken",
            )
    manifest, aside = restore_backup(settings, place, _printer(quiet))
    if quiet:
        return
    print(f"• {settings.storage.data_dir} is as it was at {manifest.created_at}. Everybody has to sign in again.")
    if aside is not None:
        print(f"• What it held before lies in {aside}.")
    print("• Tokens, shares and passwords are those of the backup: take back what had been taken back since.")


def _printer(quiet: bool) -> Callable[[Progress], None]:
    """Returns what shows progress: one line that is written over on a terminal, else nothing."""
    last = 0.0

    def show(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if quiet or not sys.stderr.isatty() or now - last < _EVERY_S:
            return
        last = now
        of = f" of {progress.blobs:,}" if progress.blobs else ""
        print(f"\r  {progress.done:,}{of} blobs, {progress.bytes / 1e6:,.0f} MB", end="\r", file=sys.stderr)

    return show
