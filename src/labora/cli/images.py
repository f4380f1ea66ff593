"""``labora image``: the images that runtimes start from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labora.cli.options import Config, DataDir, settings_for
from labora.cli.users import with_database_of

if TYPE_CHECKING:
    from labora.base.settings import Settings
    from labora.db import Database
    from labora.host.image import ImageProgress, Recipe

app = typer.Typer(help="Images that runtimes start from.", no_args_is_help=True)


@app.command("build")
def build(config: Config = None, data_dir: DataDir = None) -> None:
    """Prepares the default image and shows progress."""
    from labora.host.image import Recipe, image_status

    settings = settings_for(config, data_dir)
    recipe = Recipe.of(settings.runtimes)
    prepare(settings.images_dir, recipe)
    if message := image_status(settings.images_dir, recipe).message:
        print(f"⚠ {message}")


@app.command("list")
def list_images(config: Config = None, data_dir: DataDir = None) -> None:
    """Lists images with their state, what is in them, their size and who uses them."""
    from labora.host import stock

    settings = settings_for(config, data_dir)
    for image in stock.list_images(settings.images_dir, settings.run_dir):
        system = image.release or ("this machine's software" if image.base == "host" else "")
        what = f"{system}, Python {image.python}, {image.packages} packages" if image.python else ""
        size = f"{image.bytes / 1024**2:.0f} MiB"
        use = f"used by {len(image.used_by)}" if image.used_by else ""
        print("  ".join(filter(None, (f"{image.name:24}", f"{image.status:9}", f"{size:>9}", what, use))))
        if image.message:
            print(f"  {image.message}")


@app.command("remove")
def remove(
    name: Annotated[str, typer.Argument(help="As `labora image list` shows it.")],
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Removes an image that no running runtime of this data folder uses, with what only it needs.

    Machines that stand ready and are nobody's yet are ended first.
    """
    from labora.host import stock

    settings = settings_for(config, data_dir)
    if (settings.state_dir / "labora.db").exists():
        with_database_of(config, data_dir, _end_warm)
    for gone in stock.remove_image(settings.images_dir, settings.run_dir, name):
        print(f"• Removed {gone}")


async def _end_warm(database: Database, settings: Settings) -> None:
    from labora.host.client import HostClient
    from labora.runtimes.operator import give_up_warm

    for runtime_id in await give_up_warm(database):
        await HostClient(settings.run_dir / "host.sock").kill(runtime_id, wipe=True)


def prepare(images_dir: Path, recipe: Recipe) -> None:
    """Prepares an image, one line of progress a step."""
    from labora.host.image import prepare_image

    last = ""

    def show(progress: ImageProgress) -> None:
        nonlocal last
        if progress.label != last:
            last = progress.label
            print(f"• {progress.label}", flush=True)

    prepare_image(images_dir, recipe, show)
