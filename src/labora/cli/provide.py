"""``python -m labora.cli.provide UID IMAGES_DIR MANIFESTS_DIR NAME…``: fetches data sets, as root as user UID."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from labora.datasets.__main__ import main

if __name__ == "__main__":
    uid, images_dir, *rest = sys.argv[1:]
    if os.geteuid() == 0 and int(uid):
        from labora.host.privilege import drop_privileges

        code = (Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2])
        drop_privileges(int(uid), [*code, Path(images_dir)])
    sys.exit(main(images_dir, *rest))
