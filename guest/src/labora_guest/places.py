"""Shows the server's data sets where libraries look for them, and gives ``/content`` its sample files.

``LABORA_DATASETS`` names the folder of data sets; without it nothing is done. What is in a place already stays.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from typing import Any

COPIED_BYTES = 4 * 1024 * 1024
"""Larger sample files are links: nobody has to wait for a copy that is hardly ever changed."""
_SAMPLES = ".sample_data"


def link_datasets() -> None:
    """Makes the links in the home folder that the held data sets ask for. Takes about a millisecond."""
    root, home = os.environ.get("LABORA_DATASETS"), os.environ.get("HOME")
    if not root or not home:
        return
    with contextlib.suppress(OSError), os.scandir(root) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            for link, target in _links(entry.path).items():
                with contextlib.suppress(OSError):
                    _link(os.path.normpath(os.path.join(entry.path, target)), os.path.join(home, link))


def give_samples(folder: str) -> None:
    """Puts ``sample_data`` into ``folder``, private and writable, unless it is there. Blocks for a few milliseconds."""
    root = os.environ.get("LABORA_DATASETS")
    if not root:
        return
    place = os.path.join(folder, "sample_data")
    with contextlib.suppress(OSError):
        names = [name for name in os.listdir(os.path.join(root, _SAMPLES)) if not name.startswith(".")]
        os.mkdir(place)
        for name in names:
            source, target = os.path.join(root, _SAMPLES, name), os.path.join(place, name)
            if os.path.getsize(source) > COPIED_BYTES:
                os.symlink(source, target)
            else:
                shutil.copyfile(source, target)


def _links(folder: str) -> dict[str, str]:
    try:
        with open(os.path.join(folder, "dataset.json"), encoding="utf-8") as file:
            found: Any = json.load(file)
        return {str(link): str(target) for link, target in found["home"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _link(target: str, link: str) -> None:
    if os.path.islink(link) and not os.path.exists(link):
        os.unlink(link)  # what it showed is no longer held: libraries stumble over a link that leads nowhere
    if os.path.exists(target) and not os.path.lexists(link):
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(target, link)
