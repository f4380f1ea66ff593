"""GitHub's REST API, as far as notebooks need it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from labora.base.errors import ConflictError, ForbiddenError, LaboraError, NotFoundError, RateLimitedError
from labora.base.settings import OutsideSettings
from labora.drive.exchange.addresses import GistPlace, GitHubPlace, fragment_of
from labora.drive.exchange.fetching import Answer, Fetcher, FetchError

_RAW = "application/vnd.github.raw+json"
_JSON = "application/vnd.github+json"
_VERSION = {"X-GitHub-Api-Version": "2022-11-28"}
_REF_PARTS = 4
"""A ref of more parts than this is not looked for: each costs a request."""
_TEXTS = (".ipynb", ".py", ".md")


@dataclass(frozen=True, slots=True)
class GitHubFile:
    """A file as it lies on GitHub."""

    owner: str
    repo: str
    branch: str
    path: str
    content: bytes

    @property
    def sha(self) -> str:
        """The name of its content in git."""
        return git_sha(self.content)


@dataclass(frozen=True, slots=True)
class GistFile:
    """A file of a gist."""

    id: str
    owner: str
    name: str
    content: bytes


class GitHub:
    """Asks GitHub, or a server that speaks its language, with a person's token or without."""

    def __init__(self, fetcher: Fetcher, settings: OutsideSettings) -> None:
        self._fetcher, self._settings = fetcher, settings
        self._api = settings.github_api_url.rstrip("/")

    # -- looking ------------------------------------------------------------------------------------------------------

    async def whoami(self, token: str) -> tuple[str, str]:
        """Returns the account that a token belongs to, and its scopes as GitHub lists them."""
        answer = self._told(await self._get("/user", token), token)
        return str(_json(answer)["login"]), answer.headers.get("x-oauth-scopes", "")

    async def repositories(self, owner: str, token: str | None) -> list[dict[str, Any]]:
        """Returns the repositories of a person or organisation, the latest first: ``full_name``, ``private`` …"""
        own: list[Any] = []
        if token is not None:
            # Only this list has private ones.
            path = "/user/repos?per_page=100&sort=pushed&affiliation=owner,collaborator,organization_member"
            own = _json(self._told(await self._get(path, token), token))
            own = [repo for repo in own if str(repo.get("owner", {}).get("login", "")).lower() == owner.lower()]
        answer = await self._get(f"/users/{quote(owner, safe='')}/repos?per_page=100&sort=pushed", token)
        listed = [] if answer.status == 404 and own else _json(self._told(answer, token))
        seen = {repo["full_name"] for repo in own}
        return [*own, *(repo for repo in listed if repo["full_name"] not in seen)]

    async def branches(self, owner: str, repo: str, token: str | None) -> tuple[str, list[str]]:
        """Returns the default branch and the names of up to a hundred branches."""
        about = _json(self._told(await self._get(_repo(owner, repo), token), token))
        listed = _json(self._told(await self._get(f"{_repo(owner, repo)}/branches?per_page=100", token), token))
        return str(about["default_branch"]), [str(branch["name"]) for branch in listed]

    async def notebooks(self, owner: str, repo: str, ref: str, token: str | None) -> tuple[list[str], bool]:
        """Returns the paths of what opens as a notebook, and whether there is more than GitHub lists."""
        path = f"{_repo(owner, repo)}/git/trees/{quote(ref, safe='')}?recursive=1"
        tree = _json(self._told(await self._get(path, token), token))
        paths = [str(entry["path"]) for entry in tree["tree"] if entry.get("type") == "blob"]
        return [one for one in paths if one.lower().endswith(_TEXTS)], bool(tree.get("truncated"))

    # -- reading ------------------------------------------------------------------------------------------------------

    async def read(self, place: GitHubPlace, token: str | None) -> GitHubFile:
        """Returns a file. Raises NotFoundError ``github_not_found``, also for what the token does not open."""
        parts = place.rest.split("/")
        for length in range(1, min(len(parts), _REF_PARTS + 1)):
            ref, path = "/".join(parts[:length]), "/".join(parts[length:])
            found = await self.content(place.owner, place.repo, ref, path, token)
            if found is not None:
                return GitHubFile(place.owner, place.repo, ref, path, found)
        raise _not_there(token)

    async def content(self, owner: str, repo: str, ref: str, path: str, token: str | None) -> bytes | None:
        """Returns the bytes of a file, or None where it is not (or not for this token)."""
        address = f"{_repo(owner, repo)}/contents/{quote(path)}?ref={quote(ref, safe='')}"
        answer = await self._get(address, token, accept=_RAW)
        if answer.status == 404:
            return None
        return self._told(answer, token).body

    async def gist(self, place: GistPlace, token: str | None) -> GistFile:
        """Returns one file of a gist: the named one, or its first notebook."""
        about = _json(self._told(await self._get(f"/gists/{place.id}", token), token))
        files = {str(name): value for name, value in about["files"].items()}
        wanted = place.file
        named = [name for name in files if wanted and (name == wanted or fragment_of(name) == fragment_of(wanted))]
        usual = [] if wanted else [name for name in files if name.lower().endswith(".ipynb")] or list(files)
        if not (named or usual):
            raise NotFoundError("This gist has no such file.", code="github_not_found")
        name = (named or usual)[0]
        content = str(files[name].get("content") or "").encode()
        if files[name].get("truncated"):
            raw = await self._fetcher.get(str(files[name]["raw_url"]))
            content = self._told(raw, None).body
        owner = (about.get("owner") or {}).get("login") or "anonymous"
        return GistFile(place.id, str(owner), name, content)

    # -- writing ------------------------------------------------------------------------------------------------------

    async def put(
        self,
        owner: str,
        repo: str,
        branch: str,
        path: str,
        content: bytes,
        *,
        message: str,
        sha: str | None,
        token: str,
    ) -> dict[str, Any]:
        """Commits a file; ``sha`` names the content that it replaces, None a file that is new.

        Raises ConflictError ``github_changed`` where something else lies there.
        """
        body = {"message": message, "content": base64.b64encode(content).decode(), "branch": branch}
        if sha is not None:
            body["sha"] = sha
        answer = await self._send("PUT", f"{_repo(owner, repo)}/contents/{quote(path)}", body, token)
        if answer.status in {409, 422}:
            raise ConflictError(
                "The file on GitHub has changed meanwhile, or a file lies there already. Look at it, then save again "
                "and choose to replace it.",
                code="github_changed",
            )
        return dict(_json(self._told(answer, token)))

    async def make_gist(self, name: str, content: str, *, public: bool, description: str, token: str) -> dict[str, Any]:
        """Makes a gist of one file."""
        body = {"description": description, "public": public, "files": {name: {"content": content}}}
        return dict(_json(self._told(await self._send("POST", "/gists", body, token), token)))

    async def change_gist(self, gist_id: str, name: str, content: str, *, token: str) -> dict[str, Any]:
        """Puts a file into a gist that exists."""
        body = {"files": {name: {"content": content}}}
        return dict(_json(self._told(await self._send("PATCH", f"/gists/{gist_id}", body, token), token)))

    # -- speaking -----------------------------------------------------------------------------------------------------

    async def _get(self, path: str, token: str | None, accept: str = _JSON) -> Answer:
        return await self._fetcher.get(self._api + path, _headers(token) | {"Accept": accept})

    async def _send(self, method: str, path: str, body: Mapping[str, Any], token: str) -> Answer:
        headers = _headers(token) | {"Accept": _JSON, "Content-Type": "application/json"}
        return await self._fetcher.send(method, self._api + path, headers, json.dumps(body).encode())

    def _told(self, answer: Answer, token: str | None) -> Answer:
        """Returns a good answer. Raises what a bad one means to a person."""
        if answer.status < 300:
            return answer
        raise _problem(answer, token)


def _problem(answer: Answer, token: str | None) -> LaboraError:
    if answer.status == 401:
        return ForbiddenError(
            "GitHub does not take this token: it has ended or was revoked. Connect a new one.", code="github_token"
        )
    if answer.status in {403, 429} and (answer.headers.get("x-ratelimit-remaining") == "0" or answer.status == 429):
        hint = "" if token else " With a token of yours GitHub allows far more."
        wait = answer.headers.get("retry-after", "")
        return RateLimitedError(
            f"GitHub has had enough requests from this server for now; try again in a while.{hint}",
            retry_after=float(wait) if wait.isdigit() else 60.0,
            code="github_rate_limited",
        )
    if answer.status == 403:
        return ForbiddenError(
            "GitHub does not permit this with your token. Private repositories and saving need the scope 'repo' (or "
            "'Contents: read and write'), gists the scope 'gist'.",
            code="github_forbidden",
        )
    if answer.status == 404:
        return _not_there(token)
    return FetchError(f"GitHub answered with status {answer.status}. Try again later.", code="github_failed")


def _not_there(token: str | None) -> NotFoundError:
    hint = "or your token does not reach it" if token else "or it is private: connect a GitHub token to open it"
    return NotFoundError(f"GitHub has no such thing, {hint}.", code="github_not_found")


def _headers(token: str | None) -> dict[str, str]:
    return dict(_VERSION) | ({"Authorization": f"Bearer {token}"} if token else {})


def _repo(owner: str, repo: str) -> str:
    return f"/repos/{quote(owner, safe='')}/{quote(repo, safe='')}"


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        raise FetchError("GitHub's answer cannot be read. Try again later.", code="github_failed") from None


def git_sha(content: bytes) -> str:
    """Returns the name that git gives to content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
