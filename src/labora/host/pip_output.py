"""What pip prints, as progress. Pure: lines in, progress out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_COLLECTING = re.compile(r"(?:Collecting|Requirement already satisfied:) (\S+)|Processing (.+)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PLACE = re.compile(r"Downloading (\S+) \(([^)]+)\)")
_NETWORK = re.compile(
    r"NewConnectionError|ConnectTimeout|ReadTimeout|Name or service not known|Temporary failure in name resolution|"
    r"Connection refused|ProxyError|Network is unreachable|Max retries exceeded|Cannot connect to proxy|"
    r"Could not fetch URL",
    re.IGNORECASE,
)
_TLS = re.compile(r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError")
_MISSING = re.compile(r"No matching distribution found for (\S+)")


@dataclass(frozen=True, slots=True)
class ImageProgress:
    """How far the preparation of an image is. ``fraction`` is 0 to 1 and never goes back."""

    label: str
    fraction: float


@dataclass(slots=True)
class PipReader:
    """Follows one run of pip.

    Args:
        verb: what the run does, for the label: ``Finding`` or ``Fetching``.
        low, high: the part of the whole that this run is.
        total: number of packages where known; without it the label counts and the fraction waits at ``low``.
    """

    verb: str
    low: float
    high: float
    total: int | None = None
    seen: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def feed(self, line: str) -> ImageProgress | None:
        """Takes one line of output. Returns progress where the line tells some."""
        line = line.strip()
        if line.startswith(("ERROR:", "error:")) or _NETWORK.search(line) or _TLS.search(line):
            self.errors.append(line)
        found = _COLLECTING.match(line)
        if found:
            name = project_name(found[1] or found[2])
            self.seen.add(name)
            return self._progress(name)
        place = _PLACE.match(line)
        if place and not place[1].endswith(".metadata"):
            return self._progress(f"{project_name('/' + place[1])}, {place[2]}")
        return None

    def _progress(self, what: str) -> ImageProgress:
        count = len(self.seen)
        if self.total is None:
            return ImageProgress(f"{self.verb} packages ({count}: {what})", self.low)
        count = min(count, self.total)
        share = max(0, count - 1) / max(1, self.total)
        return ImageProgress(
            f"{self.verb} packages ({count} of {self.total}: {what})", self.low + share * (self.high - self.low)
        )


def project_name(requirement: str) -> str:
    """Returns the normalised name (PEP 503) at the start of a requirement, or of the file that a path names."""
    if "/" in requirement:
        requirement = requirement.rsplit("/", 1)[-1].split("-")[0]
    found = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found[0] if found else requirement).lower()


def explain(lines: list[str], code: int) -> str:
    """Returns what went wrong in one sentence that says what to do."""
    text = "\n".join(lines)
    if "No space left on device" in text:
        return "The disk is full. Free some space; preparation goes on at the next start or `labora image build`."
    if _TLS.search(text):
        return (
            "The package index's certificate is not trusted. Point PIP_CERT or SSL_CERT_FILE at your CA bundle and run "
            "`labora image build`."
        )
    if _NETWORK.search(text):
        return (
            "The package index cannot be reached. Check the network, the proxy (HTTPS_PROXY) or the mirror "
            "(PIP_INDEX_URL) and run `labora image build`."
        )
    missing = _MISSING.search(text)
    if missing:
        return (
            f"The package index has no {missing[1]} for this Python. Correct runtimes.image_packages (or the mirror in "
            "PIP_INDEX_URL) and run `labora image build`."
        )
    last = next((line for line in reversed(lines) if line.startswith(("ERROR:", "error:"))), "")
    return f"pip ended with {code}: {last or 'see prepare.log in the images folder'}. Then run `labora image build`."
