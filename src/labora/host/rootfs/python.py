"""Python environments made inside a root file system, with its interpreter and its operator's settings of pip."""

from __future__ import annotations

import configparser
import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from labora.base.errors import UnavailableError
from labora.host import sandbox
from labora.host.rootfs.box import Box, CommandFailedError
from labora.host.spec import Bind, Root

_PIP = "/run/labora-pip"
_CONFIGS = ("/etc/pip.conf", "/etc/xdg/pip/pip.conf")


class BoxBuilder:
    """Makes environments at the very path that runtimes will see them at.

    Args:
        box: where programs run.
        lowers: the root file system, and what lies over it, topmost first.
        scratch: an empty folder for what the tools write elsewhere.
        target: path of the environment inside.
    """

    def __init__(self, box: Box, lowers: Sequence[Path], scratch: Path, target: str) -> None:
        self._box = box
        self._root = Root([str(lower) for lower in lowers], box.owner, str(scratch))
        self._target = target

    def make(self, environment: Path) -> None:
        """Makes an empty virtual environment in the empty folder ``environment``."""
        self._box.run(
            ["/usr/bin/python3", "-I", "-m", "venv", "--without-pip", self._target],
            [Bind(str(environment), self._target, writable=True)],
            root=self._root,
        )

    def python(self, environment: Path, arguments: Sequence[str], line: Callable[[str], None]) -> int:
        return self._run(environment, [f"{self._target}/bin/python", *arguments], [], {}, line)

    def pip(self, environment: Path, arguments: Sequence[str], line: Callable[[str], None]) -> int:
        import pip

        given = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        given |= {"PIP_ROOT_USER_ACTION": "ignore", "PIP_NO_CACHE_DIR": "1", "PYTHONUNBUFFERED": "1"}
        given |= {name: os.environ[name] for name in sandbox.REACHING if os.environ.get(name)}
        user = Path.home() / ".config" / "pip" / "pip.conf"
        configs = [path for path in (*map(Path, _CONFIGS), user) if path.is_file()]
        paths = _paths([*given.values(), *arguments, *(value for path in configs for value in _values(path))])
        binds = [Bind(str(Path(pip.__file__).parent), f"{_PIP}/pip"), *_resolver(), *sandbox.ca_binds(given)]
        binds += [Bind(str(path.resolve()), str(path), directory=path.is_dir()) for path in paths]
        for path in configs:
            target = "/root/.config/pip/pip.conf" if path == user else str(path)
            binds.append(Bind(str(path.resolve()), target, directory=False))
        return self._run(environment, [f"{self._target}/bin/python", f"{_PIP}/pip", *arguments], binds, given, line)

    def inside(self, environment: Path) -> Path:
        return Path(self._target)

    def _run(
        self,
        environment: Path,
        command: Sequence[str],
        binds: Sequence[Bind],
        variables: dict[str, str],
        line: Callable[[str], None],
    ) -> int:
        unique = {bind.target: bind for bind in [*binds, Bind(str(environment), self._target, writable=True)]}
        try:
            self._box.run(
                command, [*unique.values()], environment=variables, line=line, network=bool(variables), root=self._root
            )
        except CommandFailedError as failed:
            return failed.exit_code
        return 0


def _paths(texts: Iterable[str]) -> list[Path]:
    """Returns the files and folders of this machine that settings of pip name, by path or by URL."""
    found = []
    for text in texts:
        for word in (text, *text.split()):
            path = Path(unquote(urlsplit(word).path) if word.startswith("file:") else word)
            if path.name == "simple":
                path = path.parent  # a mirror on disk keeps the files beside its index
            if path.is_absolute() and path.exists() and path not in found:
                found.append(path)
    return [
        path for path in found if not any(path.is_relative_to(top) for top in ("/usr", "/dev", "/proc", "/opt/python"))
    ]


def _values(config: Path) -> list[str]:
    """Returns the values of a file of pip's settings."""
    reader = configparser.RawConfigParser()
    with contextlib.suppress(configparser.Error, OSError, UnicodeError):
        reader.read(config)
    return [value for section in reader.values() for value in section.values()]


def _resolver() -> list[Bind]:
    return [
        Bind(str(Path(path).resolve()), path, directory=False)
        for path in ("/etc/resolv.conf", "/etc/hosts")
        if Path(path).exists()
    ]


def versions(box: Box, tree: Path) -> tuple[str, dict[str, str]]:
    """Returns the version of the tree's Python and of every package in it. Raises UnavailableError."""
    lines: list[str] = []
    script = (
        "python3 -c 'import platform; print(platform.python_version())'; dpkg-query -W -f '${Package} ${Version}\\n'"
    )
    box.run(["/bin/sh", "-ec", script], [Bind(str(tree), "/")], line=lines.append)
    if not lines:
        raise UnavailableError("The system that was made does not run.", code="image_failed")
    packages = dict(line.split(None, 1) for line in map(str.strip, lines[1:]) if " " in line)
    return lines[0].strip(), packages


__all__ = ["BoxBuilder", "versions"]
