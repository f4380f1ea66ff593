"""What people paste to open a notebook, understood: pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from labora.base.errors import InvalidError
from labora.base.settings import OutsideSettings

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_GIST = re.compile(r"[0-9a-zA-Z]{1,64}")
_COLAB = ("colab.research.google.com", "colab.sandbox.google.com", "colab.google")
_FRAGMENT = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class GitHubPlace:
    """A file on GitHub. ``rest`` is ref and path together: refs may hold slashes, so only GitHub can part them."""

    owner: str
    repo: str
    rest: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.rest.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class GistPlace:
    """A gist. ``file`` is a file's name or the fragment that GitHub makes of it; None takes its first notebook."""

    id: str
    file: str | None = None


@dataclass(frozen=True, slots=True)
class WebPlace:
    """A file anywhere."""

    url: str


Place = GitHubPlace | GistPlace | WebPlace


def place_of(text: str, settings: OutsideSettings) -> Place:
    """Returns what a pasted text names: addresses of GitHub, gists, Colab and nbviewer, paths like this server's own
    (``/github/…``, ``/gist/…``), or any other web address.

    Raises InvalidError ``bad_place`` for what names no file.
    """
    text = text.strip()
    if not text or len(text) > 4096:
        raise _bad("Paste the address of a notebook.")
    if "://" not in text:
        text = (
            f"https://{text}"
            if "." in text.split("/")[0] and not text.startswith("/")
            else f"labora:///{text.lstrip('/')}"
        )
    try:
        parts = urlsplit(text)
        host = parts.netloc.lower()
    except ValueError:
        raise _bad("This cannot be read as an address.") from None
    segments = [unquote(part) for part in parts.path.split("/") if part]
    file = unquote(parts.fragment) or None
    if parts.scheme == "labora" or host in _COLAB:
        return _known(segments, file) or _other(segments, host)
    if host == _host(settings.github_url) or host == f"www.{_host(settings.github_url)}":
        return _known(["github", *segments], file) or _no_file()
    if host == _host(settings.gist_url):
        return _known(["gist", *segments], file) or _no_file()
    if host == _host(settings.github_raw_url) and len(segments) >= 4:
        return _github(segments[0], segments[1], segments[2:])
    if host in {"nbviewer.org", "nbviewer.jupyter.org"}:
        return _known(segments, file) or WebPlace(text)
    if "/-/blob/" in parts.path:
        return WebPlace(text.replace("/-/blob/", "/-/raw/", 1))
    return WebPlace(text)


def _known(segments: list[str], file: str | None) -> Place | None:
    if len(segments) >= 6 and segments[0] == "github" and segments[3] in {"blob", "raw", "edit", "blame"}:
        return _github(segments[1], segments[2], segments[4:])
    if segments[:1] == ["gist"] and len(segments) >= 2:
        # /gist/<id>, /gist/<user>/<id>, /gist/<user>/<id>/<file>
        at = 1 if len(segments) == 2 else 2
        if not _GIST.fullmatch(segments[at]):
            raise _bad("This is no address of a gist.")
        named = "/".join(segments[at + 1 :]) or None
        if named and named.partition("/")[0] in {"raw", "revisions", "forks", "stargazers"}:
            named = named.rpartition("/")[2] if named.startswith("raw/") and "." in named else None
        return GistPlace(segments[at], named or (file.removeprefix("file-") if file else None))
    return None


def _github(owner: str, repo: str, rest: list[str]) -> GitHubPlace:
    if rest[:2] == ["refs", "heads"] or rest[:2] == ["refs", "tags"]:
        rest = rest[2:]
    if not (_NAME.fullmatch(owner) and _NAME.fullmatch(repo)) or len(rest) < 2 or ".." in rest:
        raise _bad("This is no address of a file on GitHub.")
    return GitHubPlace(owner, repo, "/".join(rest))


def _other(segments: list[str], host: str) -> Place:
    if host in _COLAB and segments[:1] == ["drive"]:
        raise _bad(
            "Notebooks in Google Drive can only be opened by Google. Download it there (File → Download → .ipynb) and "
            "upload it here."
        )
    raise _bad("This address names no notebook.")


def _no_file() -> Place:
    raise _bad("This names a repository or a person, not a notebook. Look for the notebook under GitHub.")


def _bad(message: str) -> InvalidError:
    return InvalidError(message, code="bad_place")


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()


def fragment_of(name: str) -> str:
    """Returns the fragment by which GitHub's pages name a file of a gist: ``My file.ipynb`` → ``my-file-ipynb``."""
    return _FRAGMENT.sub("-", name.lower()).strip("-")


def page_path(place: Place) -> str:
    """Returns the path of this server under which a place opens."""
    if isinstance(place, GitHubPlace):
        return f"/github/{quote(place.owner)}/{quote(place.repo)}/blob/{quote(place.rest)}"
    if isinstance(place, GistPlace):
        return f"/gist/-/{quote(place.id)}" + (f"/{quote(place.file)}" if place.file else "")
    return f"/url?u={quote(place.url, safe='')}"
