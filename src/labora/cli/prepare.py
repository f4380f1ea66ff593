"""``python -m labora.cli.prepare IMAGES_DIR RECIPE``: what a starting server has done in a process of its own."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from labora.base.errors import LaboraError
from labora.cli.images import prepare
from labora.host.image import Recipe


def prepare_for_server(images_dir: Path, recipe: Recipe) -> None:
    """Prepares the image, trying again for as long as it fails."""
    wait = 10.0
    while True:
        try:
            prepare(images_dir, recipe)
            break
        except LaboraError as error:
            print(f"✗ {error.message} Trying again in {wait:.0f} s.", flush=True)
        if os.getppid() == 1:
            break  # the server has ended
        time.sleep(wait)
        wait = min(wait * 2, 300)


if __name__ == "__main__":
    prepare_for_server(Path(sys.argv[1]), Recipe.from_json(json.loads(sys.argv[2])))
