"""Virtual environments for images: made with pip, then moved to the path that they have inside a runtime."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from labora.base.errors import UnavailableError
from labora.host.pip_output import ImageProgress, PipReader, explain

Report = Callable[[ImageProgress], None]
FOUND, FETCHED, INSTALLED = 0.1, 0.6, 0.9


def base_python() -> str:
    """Returns the real interpreter that virtual environments rest on, all links followed."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


class Builder(Protocol):
    """Where an environment is made: on this machine, or inside the root file system that it belongs to."""

    def python(self, environment: Path, arguments: Sequence[str], line: Callable[[str], None]) -> int:
        """Runs the environment's interpreter to its end, each line of output given away. Returns the exit code."""
        ...

    def pip(self, environment: Path, arguments: Sequence[str], line: Callable[[str], None]) -> int:
        """Runs pip for the environment likewise."""
        ...

    def inside(self, environment: Path) -> Path:
        """Returns the environment's path as the programs that are run see it."""
        ...


class HostBuilder:
    """Makes environments with this machine's Python."""

    def python(self, environment: Path, arguments: Sequence[str], line: Callable[[str], None]) -> int:
        return _stream([str(environment / "bin" / "python"), *arguments], line)

    def pip(self, environment: Path, arguments: Sequence[str], line: Callable[[str], None]) -> int:
        return _stream([sys.executable, "-m", "pip", "--python", str(environment / "bin/python"), *arguments], line)

    def inside(self, environment: Path) -> Path:
        return environment


def _stream(command: Sequence[str], line: Callable[[str], None]) -> int:
    # The parent's PYTHONPATH would leak Labora's own packages into the environment's view.
    surroundings = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    surroundings |= {"PIP_ROOT_USER_ACTION": "ignore", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=surroundings,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - PIPE was asked for
        for text in process.stdout:
            line(text)
    return process.returncode


def make_environment(folder: Path) -> None:
    """Makes an empty virtual environment. Works where the distribution has split ensurepip off.

    Raises:
        UnavailableError: the interpreter lacks the module ``venv``.
    """
    done = subprocess.run(
        [base_python(), "-I", "-m", "venv", "--without-pip", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UnavailableError(
            f"{base_python()} cannot make a virtual environment: {(done.stderr or done.stdout).strip()[-300:]}",
            code="image_failed",
        )


def _pip(builder: Builder, arguments: Sequence[str], environment: Path, reader: PipReader, report: Report) -> None:
    """Runs pip for ``environment`` and reports. Raises UnavailableError with what to do."""
    lines: list[str] = []

    def read(line: str) -> None:
        lines.append(line)
        del lines[:-400]
        progress = reader.feed(line)
        if progress is not None:
            report(progress)

    always = ["--no-input", "--disable-pip-version-check", "--no-color"]
    code = builder.pip(environment, [*always, *arguments], read)
    if code:
        raise UnavailableError(explain([*reader.errors, *lines], code), code="image_failed")


def install(builder: Builder, packages: Sequence[str], environment: Path, report: Report) -> None:
    """Installs packages and what they need, each step told with true counts.

    The set is resolved first, so that the second run knows how many there are; a resolver that has the metadata
    fetches nothing twice, since pip caches.
    """
    plan = environment / ".plan.json"
    finding = PipReader("Finding", 0.0, FOUND)
    seen = str(builder.inside(environment) / plan.name)
    _pip(
        builder,
        ["install", "--dry-run", "--prefer-binary", "--progress-bar", "off", "--report", seen, *packages],
        environment,
        finding,
        report,
    )
    found = [item["metadata"] for item in json.loads(plan.read_text())["install"]]
    plan.unlink()
    pins = [f"{item['name']}=={item['version']}" for item in found]
    local = [package for package in packages if "/" in package]  # a wheel by path keeps its path
    names = {Path(path).name.split("-")[0].replace("_", "-").lower() for path in local}
    pins = [pin for pin in pins if pin.split("==")[0].replace("_", "-").lower() not in names] + local
    done = threading.Event()
    watcher = threading.Thread(target=_watch_installation, args=(environment, len(pins), done, report), daemon=True)
    watcher.start()
    try:
        _pip(
            builder,
            ["install", "--no-deps", "--no-compile", "--prefer-binary", "--progress-bar", "off", *pins],
            environment,
            PipReader("Fetching", FOUND, FETCHED, len(pins)),
            report,
        )
    finally:
        done.set()
        watcher.join()


def _watch_installation(environment: Path, total: int, done: threading.Event, report: Report) -> None:
    """pip is silent while it unpacks: count what has arrived."""
    while not done.wait(0.25):
        count = min(len(installed(environment)), total)
        if count:
            share = INSTALLED - FETCHED
            report(ImageProgress(f"Installing packages ({count} of {total})", FETCHED + share * count / total))


def installed(environment: Path) -> dict[str, str]:
    """Returns name → version of what the environment holds."""
    found = {}
    for path in environment.glob("lib/python*/site-packages/*.dist-info"):
        name, _, version = path.name.removesuffix(".dist-info").rpartition("-")
        found[name] = version
    return dict(sorted(found.items()))


def relocate(environment: Path, target: str) -> None:
    """Makes scripts and kernel specs name the interpreter at ``target``, where a runtime will see it."""
    here = str(environment).encode()
    script_start = re.compile(
        rb"\A#!(?:" + re.escape(here) + rb"/bin/python\S*|/bin/sh\n'''exec' \"?" + re.escape(here) + rb".*\n' ''')\n"
    )
    for path in (environment / "bin").iterdir():
        if path.is_symlink() or not path.is_file():
            continue
        text = path.read_bytes()
        changed = script_start.sub(f"#!{target}/bin/python\n".encode(), text, count=1)
        if b"\0" not in changed:
            changed = changed.replace(here, target.encode())
        if changed != text:
            path.write_bytes(changed)
    for path in environment.glob("share/jupyter/kernels/*/kernel.json"):
        spec = json.loads(path.read_text())
        if re.fullmatch(r"(?:.*/)?python[\d.]*", spec["argv"][0]):
            spec["argv"][0] = f"{target}/bin/python"
            path.write_text(json.dumps(spec, indent=1))


def compile_bytecode(builder: Builder, environment: Path) -> None:
    """Compiles every module, so that no runtime has to; a module that does not compile is left alone."""
    library = str(builder.inside(environment) / "lib")
    builder.python(environment, ["-I", "-m", "compileall", "-q", "-q", "-j", "0", library], lambda _: None)
