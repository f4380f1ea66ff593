"""The IPython kernel of a notebook here: ipykernel's own, with the shell of this package."""

from __future__ import annotations

from ipykernel.ipkernel import IPythonKernel
from traitlets import Type

from google.colab import _shell


class Kernel(IPythonKernel):
    """ipykernel's kernel, whose ``get_ipython()`` is :class:`google.colab._shell.Shell`."""

    shell_class = Type(_shell.Shell)
