"""``python -m labora.datasets IMAGES_DIR MANIFESTS_DIR NAME…``: fetches data sets in a process of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from labora.base.errors import ConflictError, LaboraError
from labora.datasets.shelf import Shelf


def main(images_dir: str, manifests_dir: str, *names: str) -> int:
    """Fetches, and says on standard output why it could not. Returns the exit code. Notebooks that compute go first."""
    os.nice(10)
    failed = False
    for name in names:
        try:
            for warning in Shelf(Path(images_dir), Path(manifests_dir)).fetch(name):
                sys.stdout.write(f"⚠ Data set {name}, without {warning}\n")
        except ConflictError:
            continue  # another process has it in hand
        except LaboraError as error:
            sys.stdout.write(f"⚠ Data set {name}: {error.message}\n")
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
