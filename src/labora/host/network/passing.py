"""What of the operator's own configuration is passed into runtimes, and what they are told about their network."""

from __future__ import annotations

import configparser
import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from labora.host.network import dns, proxy

PROXY_VARIABLES = (
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "all_proxy",
)  # fmt: skip
_OWN_NAMES = "localhost,127.0.0.1,::1"
# Keys of pip.conf that mean the same inside: no path of the machine, no credential, no choice about the environment.
_PIP_KEYS = {
    "index-url", "extra-index-url", "find-links", "trusted-host", "no-index", "timeout", "default-timeout", "retries",
    "prefer-binary", "only-binary", "no-binary", "disable-pip-version-check",
}  # fmt: skip
_PIP_PLACES = {"index-url", "extra-index-url", "find-links"}
_PORTS = {"http": 80, "https": 443}


def holds_password(value: str) -> bool:
    """Says whether a word of ``value`` is a URL with a user or password in it."""
    return any("@" in urlsplit(word if "//" in word else f"//{word}").netloc for word in value.split())


def proxy_environment(environment: Mapping[str, str], *, everything: bool) -> dict[str, str]:
    """Returns the variables that lead programs to the runtime's own proxy.

    Args:
        environment: the operator's.
        everything: whether there is no other way out, so that no exception of the operator's holds.
    """
    exceptions = [_OWN_NAMES]
    if not everything:
        exceptions += [value for name in ("no_proxy", "NO_PROXY") if (value := environment.get(name))][:1]
    found: dict[str, str] = {}
    for name in ("http_proxy", "https_proxy"):
        found |= {name: proxy.URL, name.upper(): proxy.URL}
    return found | dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join(exceptions))


def resolver_file(kind: str, why: str, machine: Path = Path("/etc/resolv.conf")) -> str:
    """Returns the text of a runtime's ``/etc/resolv.conf``.

    Args:
        kind: of the network in effect.
        why: there is none, where there is none.
        machine: the machine's own file, whose search list holds inside too.
    """
    if kind == "relay":
        return (
            f"# This runtime reaches the internet through the HTTP proxy {proxy.URL} only, which looks names up too.\n"
        )
    if kind not in ("veth", "pasta"):
        return f"# This runtime has no network: {why}.\n"
    try:
        lines = machine.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    kept = [line for line in lines if line.split()[:1] in (["search"], ["domain"])]
    return "\n".join([f"nameserver {dns.ADDRESS}", *kept, ""])


# -- pip ---------------------------------------------------------------------------------------------------------------


def pip_files(environment: Mapping[str, str]) -> list[Path]:
    """Returns where pip reads its configuration, from weak to strong."""
    home = Path(environment.get("HOME", "/nonexistent"))
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    shared = [Path(folder, "pip", "pip.conf") for folder in environment.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")]
    own = environment.get("PIP_CONFIG_FILE")
    return [
        *reversed(shared),
        Path("/etc/pip.conf"),
        home / ".pip" / "pip.conf",
        config / "pip" / "pip.conf",
        Path(sys.prefix, "pip.conf"),
        *([Path(own)] if own else []),
    ]


def _usable(key: str, value: str) -> str:
    """Returns what of a value makes sense inside: for places, URLs that are no files and hold no password."""
    if key not in _PIP_PLACES:
        return "" if holds_password(value) else value
    words = [word for word in value.split() if urlsplit(word).scheme in _PORTS and not holds_password(word)]
    return "\n    ".join(words)


def pip_settings(files: Iterable[Path]) -> dict[str, str]:
    """Returns the operator's pip settings that hold inside a runtime too. Unreadable files count as empty."""
    found: dict[str, str] = {}
    for path in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(path.read_text())
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue
        for section in ("global", "install"):
            for key, value in parser.items(section) if parser.has_section(section) else ():
                name = key.replace("_", "-")
                usable = _usable(name, value) if name in _PIP_KEYS else ""
                if usable:
                    found[name] = usable
    return found


def pip_certificates(files: Iterable[Path]) -> str | None:
    """Returns the CA bundle that the operator's pip is configured with, where it exists."""
    found = None
    for path in files:
        parser = configparser.RawConfigParser()
        with contextlib.suppress(OSError, UnicodeDecodeError, configparser.Error):
            parser.read_string(path.read_text())
            found = parser.get("global", "cert", fallback=found)
    return found if found is not None and Path(found).is_file() else None


def pip_file(settings: Mapping[str, str]) -> str:
    """Returns the text of a runtime's ``/etc/pip.conf``."""
    return "".join(["[global]\n", *(f"{key} = {value}\n" for key, value in sorted(settings.items()))])


# -- apt ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AptFiles:
    """The machine's package sources, for a root file system of the same distribution.

    ``sources`` are texts by path below ``/etc/apt``; ``keys`` are files that they name or that apt reads anyway.
    """

    sources: dict[str, str]
    keys: list[Path]


def apt_files(root: Path = Path("/")) -> AptFiles:
    """Reads the machine's package sources; lines and stanzas with a password in their URL are left out."""
    folder = root / "etc" / "apt"
    sources: dict[str, str] = {}
    candidates = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    for path in candidates:
        try:
            text = path.read_text()
        except (OSError, UnicodeDecodeError):
            continue
        if path.suffix == ".list":
            kept = "".join(line for line in text.splitlines(keepends=True) if not holds_password(line))
        elif path.suffix == ".sources":
            stanzas = [stanza for stanza in text.split("\n\n") if stanza.strip() and not holds_password(stanza)]
            kept = "\n\n".join(stanzas)
        else:
            continue
        if kept.strip():
            sources[str(path.relative_to(folder))] = kept
    keys = [path for path in sorted((folder / "trusted.gpg.d").glob("*")) if path.is_file()]
    keys += [path for path in sorted((root / "usr/share/keyrings").glob("*.gpg")) if path.is_file()]
    return AptFiles(sources, keys)


# -- places ------------------------------------------------------------------------------------------------------------


def _urls(environment: Mapping[str, str], settings: Mapping[str, str], apt: AptFiles) -> Iterator[str]:
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        yield from environment.get(name, "").split()
    for key in _PIP_PLACES:
        yield from settings.get(key, "").split()
    for text in apt.sources.values():
        for line in text.splitlines():
            if not line.lstrip().startswith("#"):
                yield from (word for word in line.split() if "://" in word)


def operators_mirrors(environment: Mapping[str, str], settings: Mapping[str, str], apt: AptFiles) -> list[str]:
    """Returns ``host:port`` of the package index and mirrors that the operator uses: pip and apt must reach them
    although they may lie in a private network."""
    found = set()
    for url in _urls(environment, settings, apt):
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme)
        except ValueError:
            continue
        if parts.hostname and port and "_" not in parts.hostname:
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            found.add(f"{host}:{port}")
    return sorted(found)


def host_environment() -> dict[str, str]:
    """Returns the operator's environment as the host has it."""
    return dict(os.environ)
