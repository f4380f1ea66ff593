"""How a kernel is started: what the agent uses of the image's kernelspecs."""

from __future__ import annotations

import os
import re
import shutil
import sys

SHOWN = ("LABORA_DATASETS",)
"""What kernels may know of the agent's own variables."""
LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kernel_launcher.py")


class KernelError(Exception):
    """A verb that cannot be done; ``code`` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Spec:
    """How a kernel is started: what the agent uses of a kernelspec."""

    def __init__(self, argv: list[str], env: dict[str, str], interrupt_mode: str, language: str, folder: str) -> None:
        self.argv = argv
        self.env = env
        self.interrupt_mode = interrupt_mode
        self.language = language
        self.folder = folder

    def command(self, connection_file: str) -> list[str]:
        """Returns the command line; IPython kernels go through our launcher, so that no output is dropped."""
        words = {"connection_file": connection_file, "resource_dir": self.folder}
        argv = [re.sub(r"\{([A-Za-z_]+)\}", lambda m: words.get(m.group(1), m.group(0)), part) for part in self.argv]
        if argv[1:3] in (["-m", "ipykernel_launcher"], ["-m", "ipykernel"]):
            argv[1:3] = [LAUNCHER]
        elif argv[1:4] == ["-Xfrozen_modules=off", "-m", "ipykernel_launcher"]:
            argv[2:4] = [LAUNCHER]
        if re.fullmatch(r"python[\d.]*", argv[0]) and not shutil.which(argv[0]):
            argv[0] = sys.executable
        return argv

    def environment(self, env: dict[str, str], ours: dict[str, str]) -> dict[str, str]:
        """Returns the whole environment of a kernel: the agent's, the kernelspec's, ``env`` and ``ours``."""
        environment = {**os.environ, **self.env, **env}
        hidden = [name for name in environment if name.startswith("LABORA_") and name not in SHOWN]
        environment = {name: value for name, value in environment.items() if name not in hidden}
        environment.update(ours)
        environment.setdefault("PYTHONUNBUFFERED", "1")
        return environment

    @property
    def bounded(self) -> bool:
        """Whether the kernel waits for its reader, so that the reader may bound what it takes in."""
        return LAUNCHER in self.command("")


def find_spec(name: str) -> Spec:
    """Reads a kernelspec of the image. Raises KernelError when there is none of this name."""
    # Imported with the first kernel: the channel is open before.
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    manager = KernelSpecManager(ensure_native_kernel=False)
    # The image's own kernels lie beside its programs (/opt/python), which is not where the agent lives.
    for folder in reversed(os.environ.get("PATH", "").split(os.pathsep)):
        kernels = os.path.join(os.path.dirname(folder), "share", "jupyter", "kernels")
        if os.path.isabs(folder) and kernels not in manager.kernel_dirs:
            manager.kernel_dirs.insert(0, kernels)
    try:
        found = manager.get_kernel_spec(name)
    except NoSuchKernel:
        raise KernelError("no_such_kernelspec", f"This image has no kernel named {name}.") from None
    return Spec(list(found.argv), dict(found.env), found.interrupt_mode, found.language, found.resource_dir)
