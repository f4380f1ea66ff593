"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labora.base.settings import Settings, load_settings

Config = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.", dir_okay=False, exists=True)]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of database, blobs, images and runtimes.")]


def settings_for(config: Path | None, data_dir: Path | None) -> Settings:
    """Returns the settings in effect for a command that takes only the shared options."""
    return load_settings(config, storage={"data_dir": data_dir})
