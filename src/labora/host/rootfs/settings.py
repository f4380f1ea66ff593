"""What of this machine goes into a root file system: package sources and keys, proxies, certificates."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
from pathlib import Path

_APT = Path("/etc/apt")
_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_PUBLIC = Path("/usr/share/ca-certificates")
# Of apt's own settings only how a source is reached; hooks and the like are this machine's affair.
_REACHING = re.compile(r"Acquire::(?:https?|ftp|Retries|Check-Valid-Until|ForceIPv[46])\b")
_SECRET = re.compile(r"://[^/\s\"]*@")
_LOCAL = re.compile(r"\b(?:file|cdrom|copy):")
_FOLDERS = ("content", "opt/labora", "opt/python", "opt/datasets", "usr/share/datasets", "root")
_FILES = ("etc/resolv.conf", "etc/hosts", "etc/hostname", "etc/pip.conf")
_MAN = tuple(f"usr/share/man/man{number}" for number in range(1, 9))
_DPKG = """force-unsafe-io
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/locale/*
path-exclude=/usr/share/lintian/*
"""
_APT_CONF = """Acquire::Languages "none";
Acquire::GzipIndexes "true";
Dpkg::Use-Pty "0";
"""


def write(folder: Path, *, single_uid: bool) -> None:
    """Writes the files that the tree starts with into ``folder``.

    Args:
        folder: an empty folder, copied over the tree.
        single_uid: all files belong to one uid, so apt cannot step down to a user of its own.
    """
    for name in (*_FOLDERS, *_MAN):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "etc").mkdir(exist_ok=True)
    for name in _FILES:
        (folder / name).touch()
    _text(folder / "etc/dpkg/dpkg.cfg.d/labora", _DPKG)
    # No service is started in a runtime by being installed: nobody runs there who would look after it.
    _text(folder / "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n")
    more = 'APT::Sandbox::User "root";\n' if single_uid else ""
    _text(folder / "etc/apt/apt.conf.d/90labora", _APT_CONF + more)
    _text(folder / "etc/apt/apt.conf.d/91labora-host", _reaching())
    _sources(folder)
    _certificates(folder / "usr/local/share/ca-certificates")


def _text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _reaching() -> str:
    """Returns this machine's apt settings for proxies and certificates; none with a credential in it."""
    try:
        done = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    lines = [line for line in done.stdout.splitlines() if _REACHING.match(line) and not line.endswith(' "";')]
    return "".join(f"{line}\n" for line in lines if not _SECRET.search(line))


def _sources(folder: Path) -> None:
    """Copies package sources and the keys that they are signed by. Sources with a password or of this disk stay."""
    names = [Path("sources.list"), *(path.relative_to(_APT) for path in _APT.glob("sources.list.d/*"))]
    signed: set[str] = set()
    for name in names:
        with contextlib.suppress(OSError):
            text = (_APT / name).read_text()
            if name.suffix in {".list", ".sources"} and not _SECRET.search(text) and not _LOCAL.search(text):
                _text(folder / "etc/apt" / name, text)
                signed.update(re.findall(r"(?i)signed-by\s*[:=]\s*(/[^\s\],]+)", text))
    keys = [*_APT.glob("trusted.gpg*"), *_APT.glob("trusted.gpg.d/*"), *_APT.glob("keyrings/*"), *map(Path, signed)]
    for key in keys:
        if key.is_file():
            target = folder / key.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):
                shutil.copyfile(key, target)


def _certificates(folder: Path) -> None:
    """Copies the certificates that this machine trusts beyond the public ones (a company's proxy has one)."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(OSError):
        public = {_bare(text) for path in _PUBLIC.rglob("*.crt") for text in _CERTIFICATE.findall(path.read_text())}
        own = [text for text in _CERTIFICATE.findall(_BUNDLE.read_text()) if _bare(text) not in public]
        for number, text in enumerate(own):
            _text(folder / f"host-{number}.crt", text + "\n")


def _bare(certificate: str) -> str:
    return "".join(certificate.split())
