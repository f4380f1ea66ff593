"""``labora image``: the images that runtimes start from."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from labora.cli.options import Config, DataDir, settings_for

app = typer.Typer(help="Images that runtimes start from.", no_args_is_help=True)


@app.command("build")
def build(config: Config = None, data_dir: DataDir = None) -> None:
    """Prepares the default Python image and shows progress."""
    settings = settings_for(config, data_dir)
    settings.images_dir.mkdir(parents=True, exist_ok=True)
    prepare(settings.images_dir, settings.runtimes.image_packages)


@app.command("list")
def list_images(config: Config = None, data_dir: DataDir = None) -> None:
    """Lists images with their state and size."""
    settings = settings_for(config, data_dir)
    for status in sorted(settings.images_dir.glob("*/status.json")):
        state = json.loads(status.read_text())
        print(f"{status.parent.name:24} {state.get('status', '?'):10} {state.get('message') or ''}")


def prepare(images_dir: Path, packages: list[str]) -> None:
    """Prepares an image, one line of progress a step."""
    from labora.host.image import ImageProgress, prepare_image

    last = ""

    def show(progress: ImageProgress) -> None:
        nonlocal last
        if progress.label != last:
            last = progress.label
            print(f"• {progress.label}", flush=True)

    prepare_image(images_dir, packages, show)
