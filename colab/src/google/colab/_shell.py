"""The shell of IPython kernels here: ``get_ipython()`` names this package, which programs look for."""

from __future__ import annotations

import sys
from typing import Any

from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.error import UsageError
from IPython.core.getipython import get_ipython

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
        self.register_magic_function(_shell, "line_cell", "shell")
        self.register_magic_function(_pip, "line", "pip")
        for name in ("bigquery", "bqsql", "spanner_graph"):
            self.register_magic_function(_of_google(name), "line_cell", name)

    def system(self, cmd: str) -> None:
        """Runs a command on a terminal, as ``!`` does; its exit code is in ``_exit_code``.

        Raises CalledProcessError where it fails and ``system_raise_on_error`` is set.
        """
        from google.colab import _system_commands

        # Here, so that names are looked up where the command stands.
        command = self.var_expand(cmd, depth=1)
        result = _system_commands.run(self, command)
        if getattr(self, "system_raise_on_error", False):
            result.check_returncode()

    system_piped = system


def _tensorflow_version(line: str) -> None:
    """Says which TensorFlow there is; there is one."""
    from google.colab import _tensorflow_magics

    _tensorflow_magics._tensorflow_version(line)


def _shell(line: str, cell: str | None = None) -> Any:
    """Runs a command, or the cell, in bash: ``%shell command``, ``%%shell [--ignore-errors]``."""
    from google.colab import _system_commands

    shell = get_ipython()
    if cell is None:
        return _system_commands.shell_line(shell, line)
    return _system_commands.shell_cell(shell, line, cell)


def _pip(line: str) -> None:
    """Runs the pip of this kernel's Python: ``%pip install package``."""
    from google.colab import _system_commands

    _system_commands.pip(get_ipython(), line)


def _of_google(name: str) -> Any:
    def magic(line: str, cell: str | None = None) -> None:
        """Says that this needs Google."""
        raise UsageError(
            f"%%{name} sends its query to Google Cloud, which this server does not sign in to. Ask a database that you "
            "can reach from Python, or query files with duckdb."
        )

    return magic
