"""The IPython kernel of a notebook here: ipykernel's own, with the shell of this package."""

from __future__ import annotations

from typing import Any

from ipykernel.ipkernel import IPythonKernel
from traitlets import Type

from google.colab import _shell


class Kernel(IPythonKernel):
    """ipykernel's kernel, whose ``get_ipython()`` is :class:`google.colab._shell.Shell`."""

    shell_class = Type(_shell.Shell)

    def do_shutdown(self, restart: bool) -> Any:
        """Ends the kernel, as its front end asks; called by a program, once its cell is done.

        The reply to that cell says it, so that nothing more is sent to this kernel.
        """
        self.shell.payload_manager.write_payload({"source": "ask_exit", "keepkernel": False})
        return super().do_shutdown(restart)
