"""``%tensorflow_version``, from the time when there were two."""

from __future__ import annotations

import sys

_VERSIONS = ("", "2", "2.x")


def _tensorflow_version(line: str) -> None:
    """Says that there is one TensorFlow; for another version than 2, that it cannot be had this way."""
    wanted = line.split("#")[0].strip().strip("'\"")
    if wanted in _VERSIONS:
        print("There is one TensorFlow here, the one that is installed, so %tensorflow_version has nothing to do.")
        return
    print(
        f"%tensorflow_version {wanted} does nothing: TensorFlow 1 needs a Python from before 3.8. "
        "Much old code runs with `import tensorflow.compat.v1 as tf`.",
        file=sys.stderr,
    )


def load_ipython_extension(ipython: object) -> None:
    """Does nothing: the magic is there from the start."""
