"""``python -m labora.cli.provide IMAGES_DIR MANIFESTS_DIR UID NAME``: fetches one data set in a process of its own.

As root it becomes ``UID`` first (0: it stays who it is).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from labora.base.errors import ConflictError, LaboraError
from labora.datasets import Shelf


def main() -> None:
    """Fetches; says on standard output why it could not."""
    images_dir, manifests_dir, uid, name = sys.argv[1:]
    if os.geteuid() == 0 and int(uid):
        from labora.host.privilege import drop_privileges

        drop_privileges(
            int(uid), [Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2], Path(images_dir)]
        )
    try:
        for warning in Shelf(Path(images_dir), Path(manifests_dir)).fetch(name):
            print(f"⚠ Data set {name}, without {warning}", flush=True)
    except ConflictError:
        return  # another process has it in hand
    except LaboraError as error:
        print(f"⚠ Data set {name}: {error.message}", flush=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
