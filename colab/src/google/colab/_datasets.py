"""Lets torchvision's own classes find the data sets that the server holds, without a network and whatever their root.

``download`` puts links to the publisher's packed files where it would put what it fetches. torchvision then finds them
there, checks them by its own MD5 and unpacks them; a set that is not held is fetched as ever.
"""

from __future__ import annotations

import contextlib
import os
from types import ModuleType
from typing import Any

HELD = {"MNIST": "mnist", "FashionMNIST": "fashion-mnist", "KMNIST": "kmnist"}
"""By the name of torchvision's class, the name of the folder of its data set."""


def torchvision(module: ModuleType) -> None:
    """Prepares the module ``torchvision.datasets.mnist``."""
    base = module.MNIST
    download = base.download

    def download_or_link(self: Any, *args: Any, **kwargs: Any) -> Any:
        # A notebook's own class has the files of torchvision's that it is made of.
        kind = next(kind for kind in type(self).__mro__ if kind.__module__ == module.__name__)
        name = HELD.get(kind.__name__)
        if name is not None:
            with contextlib.suppress(OSError, AttributeError, TypeError, ValueError):
                _link(os.path.join(_root(), name), self.raw_folder, [resource[0] for resource in self.resources])
        return download(self, *args, **kwargs)

    base.download = download_or_link


def _root() -> str:
    return os.environ.get("LABORA_DATASETS", "/opt/datasets")


def _link(folder: str, place: str, addresses: list[str]) -> None:
    for name in map(os.path.basename, addresses):
        source, target = os.path.join(folder, name), os.path.join(place, name)
        if os.path.isfile(source) and not os.path.lexists(target):
            os.makedirs(place, exist_ok=True)
            os.symlink(source, target)
