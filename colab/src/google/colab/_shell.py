"""The shell of IPython kernels here: ``get_ipython()`` names this package, which programs look for."""

from __future__ import annotations

import sys
from typing import Any

from ipykernel.zmqshell import ZMQInteractiveShell

from google.colab import _import_hooks, _namespace


class Shell(ZMQInteractiveShell):
    """ipykernel's shell, with what notebooks written for Colab expect besides."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What ``_ask`` lets leave, whatever %%capture puts in their place.
        self._labora_streams = (sys.stdout, sys.stderr)
        _namespace.install()
        _import_hooks.install()

    def init_magics(self) -> None:
        """Adds the magics of this package; their modules come when they are used."""
        super().init_magics()
        self.register_magic_function(_tensorflow_version, "line", "tensorflow_version")


def _tensorflow_version(line: str) -> None:
    """Says which TensorFlow there is; there is one."""
    from google.colab import _tensorflow_magics

    _tensorflow_magics._tensorflow_version(line)
