"""``labora dataset``: the data sets that this server holds for every runtime."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labora.cli.options import Config, DataDir, settings_for

if TYPE_CHECKING:
    from labora.base.settings import Settings
    from labora.datasets import Progress, Shelf

app = typer.Typer(help="Data sets that every runtime sees in /opt/datasets.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="As `labora dataset list` shows it.")]


@app.command("list")
def list_datasets(config: Config = None, data_dir: DataDir = None) -> None:
    """Lists the catalogue: what is held here, and what can be fetched."""
    standings, problems = shelf_of(settings_for(config, data_dir)).all()
    for one in standings:
        dataset = one.dataset
        size = f"{dataset.bytes / 1e6:.1f} MB" if dataset.bytes else ""
        state = f"comes with {dataset.package}" if one.state == "included" else one.state
        print(f"{dataset.name:20}{state:26}{size:>10}  {dataset.title}, {dataset.licence}")
        if one.message:
            print(f"  {one.message}")
    for problem in problems:
        print(f"✗ {problem}", file=sys.stderr)
    if problems:
        raise typer.Exit(1)


@app.command("fetch")
def fetch(names: Annotated[list[str], typer.Argument()], config: Config = None, data_dir: DataDir = None) -> None:
    """Fetches data sets by name. An interrupted fetch goes on where it stopped; running runtimes see them at once."""
    settings = settings_for(config, data_dir)
    shelf = shelf_of(settings)
    for name in names:
        shelf.get(name)
    become_keeper(settings)
    for name in names:
        warnings = shelf.fetch(name, _show)
        if sys.stderr.isatty():
            print(" " * 78, end="\r", file=sys.stderr)
        print(f"• {name} is in {shelf.folder / name}")
        for warning in warnings:
            print(f"⚠ Without {warning}", file=sys.stderr)


@app.command("verify")
def verify(
    names: Annotated[list[str] | None, typer.Argument(help="All that are held by default.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Reads held data sets anew and compares checksums. Exit code 1 where one is damaged."""
    shelf = shelf_of(settings_for(config, data_dir))
    held = [one.dataset.name for one in shelf.all()[0] if one.state == "held"]
    wrong = []
    for name in names or held:
        found = shelf.verify(name)
        wrong += found
        if not found:
            print(f"• {name} is right")
    for line in wrong:
        print(f"✗ {line}", file=sys.stderr)
    if wrong:
        print("  `labora dataset remove NAME` and `fetch NAME` get it anew.", file=sys.stderr)
        raise typer.Exit(1)


@app.command("remove")
def remove(name: Name, config: Config = None, data_dir: DataDir = None) -> None:
    """Removes a held data set; it stays in the catalogue."""
    settings = settings_for(config, data_dir)
    become_keeper(settings)
    shelf_of(settings).remove(name)
    print(f"• Removed {name}")


@app.command("add")
def add(
    manifest: Annotated[Path, typer.Argument(help="A TOML or JSON file that describes a data set.", exists=True)],
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Adds a data set of your own to the catalogue. The guide "Data sets" says what a manifest holds."""
    settings = settings_for(config, data_dir)
    dataset = shelf_of(settings).add(manifest)
    print(f"• {dataset.title} is in the catalogue. `labora dataset fetch {dataset.name}` gets it.")


def shelf_of(settings: Settings) -> Shelf:
    """Returns the data sets of a server."""
    from labora.datasets import Shelf

    return Shelf(settings.images_dir, settings.manifests_dir)


def become_keeper(settings: Settings) -> None:
    """Makes the shelf, and becomes who owns it: root writes nothing where a control plane could lay links.

    Raises InvalidError where it cannot be made.
    """
    from labora.cli.serve import drop_privileges, prepare_shelf

    prepare_shelf(settings)
    drop_privileges(settings)


def _show(progress: Progress) -> None:
    if sys.stderr.isatty():
        of = f" of {progress.of / 1e6:,.1f}" if progress.of else ""
        print(f"  {progress.file[:40]:40} {progress.done / 1e6:,.1f}{of} MB", end="\r", file=sys.stderr)
