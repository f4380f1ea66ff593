"""A Debian root file system, made from this machine's own package sources without installing anything on it.

apt resolves and fetches as it does for this machine, into folders of its own and for a system without packages. What
dpkg itself needs is taken apart with this machine's dpkg-deb, then dpkg installs everything from inside the new tree,
in a sandbox (:mod:`labora.host.rootfs.box`).
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from labora.base.errors import UnavailableError
from labora.host import sandbox
from labora.host.pip_output import ImageProgress
from labora.host.rootfs import settings
from labora.host.rootfs.box import Box
from labora.host.spec import Bind

Report = Callable[[ImageProgress], None]
FOUND, FETCHED, UNPACKED, INSTALLED = 0.05, 0.4, 0.65, 0.95
# usr-is-merged stands in for the slow usrmerge; the tree is merged from the start.
_ALWAYS = ("apt", "ca-certificates", "python3", "python3-venv", "usr-is-merged")

_EXTRACT = r"""
cd /target
mkdir -p usr/bin usr/sbin usr/lib
for name in bin sbin lib; do ln -s usr/$name $name; done
[ ! -d /usr/lib64 ] || { mkdir -p usr/lib64; ln -s usr/lib64 lib64; }
for deb in $(cat /scratch/first); do dpkg-deb --fsys-tarfile /scratch/archives/$deb | tar -x --keep-directory-symlink \
  --exclude='./usr/share/doc/*' \
  --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/info/*'; done
[ -e etc/passwd ] || cp usr/share/base-passwd/passwd.master etc/passwd
[ -e etc/group ] || cp usr/share/base-passwd/group.master etc/group
mkdir -p var/lib/dpkg etc/dpkg/dpkg.cfg.d
: > var/lib/dpkg/status
: > var/lib/dpkg/available
cp -r /scratch/overlay/. .
mkdir -p var/lib/apt/lists
cp /scratch/lists/*_* var/lib/apt/lists/
"""

_INSTALL = r"""
dpkg --force-depends --unpack /scratch/archives/base-passwd_*.deb
dpkg --force-depends --configure base-passwd
dpkg --force-depends --unpack /scratch/archives/*.deb
dpkg --configure -a
update-ca-certificates
apt-get clean
rm -rf /var/cache/ldconfig /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/*.log /var/log/apt /etc/machine-id
"""


def why_not() -> str | None:
    """Says why no root file system can be made on this machine, None where nothing speaks against it."""
    for program in ("apt-get", "apt-cache", "dpkg-deb", "tar"):
        if shutil.which(program) is None:
            return f"this machine has no {program}, so it is not a Debian or one of its kin"
    return None


def release() -> str:
    """Returns which system the tree will hold, as ``debian-bookworm-x86_64``."""
    found = {}
    with contextlib.suppress(OSError):
        for line in Path("/etc/os-release").read_text().splitlines():
            key, _, value = line.partition("=")
            found[key] = value.strip('"')
    codename = found.get("VERSION_CODENAME") or found.get("VERSION_ID") or "unknown"
    return f"{found.get('ID', 'linux')}-{codename}-{platform.machine()}"


def make_tree(tree: Path, scratch: Path, packages: Sequence[str], box: Box, report: Report) -> None:
    """Makes a root file system in the empty folder ``tree``. Blocks for a minute or so.

    Args:
        tree: belongs to the box's owner already.
        scratch: an empty folder for downloads.
        packages: names of Debian packages beside the essential ones.
        box: where the installation runs.
        report: called with every step.

    Raises:
        UnavailableError: ``image_failed``: sources out of reach, a package unknown or not installable.
    """
    report(ImageProgress("Finding Debian packages", 0.0))
    count = _fetch(scratch, packages, report)
    settings.write(scratch / "overlay", single_uid=box.owner is None)
    for path in (scratch, *scratch.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (scratch / "overlay" / "usr/sbin/policy-rc.d").chmod(0o755)
    report(ImageProgress("Unpacking Debian packages", FETCHED))
    shown = [Bind(str(scratch), "/scratch")]
    box.run(
        ["/bin/sh", "-ec", _EXTRACT],
        [*sandbox.system_binds()[0], Bind(str(tree), "/target", writable=True), *shown],
        whole_root=False,
    )
    watch = _Counter(count, report)
    box.run(["/bin/sh", "-ec", _INSTALL], [Bind(str(tree), "/", writable=True), *shown], line=watch.line)
    (tree / "scratch").rmdir()


class _Counter:
    """Turns dpkg's lines into progress."""

    def __init__(self, total: int, report: Report) -> None:
        self._total = max(total, 1)
        self._report = report
        self._unpacked = 0
        self._set_up = 0

    def line(self, text: str) -> None:
        """Takes one line."""
        if text.startswith("Unpacking "):
            self._unpacked = min(self._unpacked + 1, self._total)
            share = FETCHED + (UNPACKED - FETCHED) * self._unpacked / self._total
            self._report(ImageProgress(f"Unpacking Debian packages ({self._unpacked} of {self._total})", share))
        elif text.startswith("Setting up "):
            self._set_up = min(self._set_up + 1, self._total)
            share = UNPACKED + (INSTALLED - UNPACKED) * self._set_up / self._total
            self._report(ImageProgress(f"Setting up Debian packages ({self._set_up} of {self._total})", share))


# -- fetching ----------------------------------------------------------------------------------------------------


def _options(scratch: Path) -> list[str]:
    given = {
        "Dir::State::Lists": f"{scratch}/lists",
        "Dir::State::status": f"{scratch}/status",
        "Dir::State::extended_states": f"{scratch}/extended",
        "Dir::Cache": f"{scratch}/cache",
        "Dir::Cache::archives": f"{scratch}/archives",
        "Dir::Log": f"{scratch}/log",
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "",
        "APT::Keep-Downloaded-Packages": "1",
        "APT::Install-Recommends": "0",
        "Acquire::Languages": "none",
        "Acquire::GzipIndexes": "1",
        "Acquire::Retries": "3",
    }
    return [part for name, value in given.items() for part in ("-o", f"{name}={value}")]


def _apt(scratch: Path, program: str, arguments: Iterable[str], line: Callable[[str], None] = lambda _: None) -> str:
    """Runs apt-get or apt-cache for an empty system. Returns what it printed; raises UnavailableError."""
    command = [program, *_options(scratch), *arguments]
    surroundings = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    said: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=surroundings,
        cwd=scratch,
    ) as process:
        assert process.stdout is not None  # noqa: S101 - PIPE was asked for
        for text in process.stdout:
            said.append(text)
            line(text)
    if process.returncode:
        errors = [text.strip() for text in said if text.startswith("E:")] or [text.strip() for text in said[-3:]]
        raise UnavailableError(f"apt could not fetch the system: {' / '.join(errors)[:600]}", code="image_failed")
    return "".join(said)


def _fetch(scratch: Path, packages: Sequence[str], report: Report) -> int:
    """Fetches every package into ``scratch/archives``; the file ``first`` names those that dpkg itself needs."""
    for name in ("lists/partial", "archives/partial", "cache", "log", "overlay"):
        (scratch / name).mkdir(parents=True, exist_ok=True)
    (scratch / "status").touch()
    # What this machine knows already need not be fetched again: apt asks whether it is still new.
    for known in Path("/var/lib/apt/lists").glob("*_*"):
        with contextlib.suppress(OSError):
            shutil.copy2(known, scratch / "lists" / known.name)
    _apt(scratch, "apt-get", ["update", "-q"])
    available = _apt(scratch, "apt-cache", ["dumpavail"])
    names, essential = set(), []
    for stanza in available.split("\n\n"):
        name = stanza.partition("\n")[0].removeprefix("Package: ")
        names.add(name)
        if "\nEssential: yes" in stanza:
            essential.append(name)
    if not essential:
        raise UnavailableError("apt knows no packages: is a package source configured?", code="image_failed")
    wanted = [name for name in (*_ALWAYS, *packages) if name in names or name not in _ALWAYS]
    download = ["install", "-y", "-q", "--download-only"]
    report(ImageProgress("Fetching Debian packages", FOUND))
    _apt(
        scratch, "apt-get", [*download, *sorted(set(essential)), *(name for name in wanted if name == "usr-is-merged")]
    )
    first = sorted(path.name for path in (scratch / "archives").glob("*.deb"))
    (scratch / "first").write_text("\n".join(first) + "\n")
    total = 0

    def line(text: str) -> None:
        nonlocal total
        if found := re.search(r"(\d+) newly installed", text):
            total = int(found[1])
        if (found := re.match(r"Get:(\d+) ", text)) and total:
            done = min(len(first) + int(found[1]), total)
            share = FOUND + (FETCHED - FOUND) * done / total
            report(ImageProgress(f"Fetching Debian packages ({done} of {total})", share))

    _apt(scratch, "apt-get", [*download, *sorted(set(essential)), *wanted], line)
    return len(list((scratch / "archives").glob("*.deb")))
