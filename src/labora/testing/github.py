"""A GitHub for tests: the part of its REST API that Labora uses, with the shapes and refusals of the real one.

``python -m labora.testing.github`` serves one and prints its address; it ends with its standard input.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "ghp_of_ada"  # noqa: S105 - of a server that lives as long as a test
LOGIN = "ada"


@dataclass
class Repo:
    """A repository: its branches' files by path."""

    owner: str
    name: str
    private: bool = False
    branches: dict[str, dict[str, bytes]] = field(default_factory=lambda: {"main": {}})

    def shape(self) -> dict[str, Any]:
        """Returns it as GitHub tells of it."""
        return {
            "id": 1296269,
            "name": self.name,
            "full_name": f"{self.owner}/{self.name}",
            "owner": {"login": self.owner, "id": 1, "type": "User"},
            "private": self.private,
            "description": f"Notebooks of {self.owner}",
            "default_branch": "main",
        }


class FakeGitHub:
    """Serves on loopback for the length of a ``with`` block.

    Attributes:
        repos: by ``owner/name``. gists: by id, files by name.
        asked: every request so far, as (method, path, headers in lower case).
        url: where it listens.
    """

    def __init__(self, port: int = 0) -> None:
        self.repos: dict[str, Repo] = {}
        self.gists: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        fake = self

        class Handler(_Handler):
            github = fake

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def settings(self) -> dict[str, Any]:
        """Returns the section ``outside`` of a server that knows only this GitHub."""
        return {
            "allow": [self.url.removeprefix("http://")],
            "github_url": self.url,
            "github_api_url": self.url,
            "github_raw_url": "http://raw.github.test",
            # Another name of the same place, as gists have one of their own.
            "gist_url": self.url.replace("127.0.0.1", "localhost"),
        }

    def repo(self, owner: str, name: str, *, private: bool = False, **files: bytes) -> Repo:
        """Makes a repository with ``files`` on main."""
        made = Repo(owner, name, private, {"main": dict(files)})
        self.repos[f"{owner}/{name}"] = made
        return made

    def gist(self, gist_id: str, owner: str, files: dict[str, str]) -> None:
        """Makes a gist."""
        self.gists[gist_id] = {"owner": owner, "files": dict(files), "public": True, "description": ""}


class _Handler(BaseHTTPRequestHandler):
    github: FakeGitHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self._answer("GET")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PATCH(self) -> None:
        self._answer("PATCH")

    def _answer(self, method: str) -> None:
        parts = urlsplit(self.path)
        self.github.asked.append((method, self.path, {name.lower(): value for name, value in self.headers.items()}))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        authorization = self.headers.get("Authorization", "")
        self._known = authorization == f"Bearer {TOKEN}"
        if authorization and not self._known:
            self._say(401, {"message": "Bad credentials", "status": "401"})
            return
        segments = [unquote(part) for part in parts.path.split("/") if part]
        try:
            found = self._route(method, segments, json.loads(body) if body else {})
        except KeyError:
            found = None
        if found is None:
            self._say(
                404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}
            )
        else:
            self._say(*found)

    def _route(self, method: str, segments: list[str], body: Any) -> tuple[int, Any] | None:
        if segments == ["user"] and self._known:
            return 200, {"login": LOGIN, "id": 1, "type": "User"}
        if segments[:1] == ["users"] or segments == ["user", "repos"]:
            return 200, self._listed(segments)
        if segments[:1] == ["raw"]:
            return 200, self.github.repos["/".join(segments[1:3])].branches[segments[3]]["/".join(segments[4:])]
        if segments[:1] == ["gists"]:
            return self._gist(method, segments, body)
        if segments[:1] == ["repos"] and len(segments) >= 3:
            repo = self.github.repos["/".join(segments[1:3])]
            if repo.private and not self._known:
                return None
            return self._repo(method, repo, segments[3:], body)
        return None

    def _listed(self, segments: list[str]) -> list[dict[str, Any]]:
        own = segments == ["user", "repos"]
        owner = LOGIN if own else segments[1]
        return [
            repo.shape() for repo in self.github.repos.values() if repo.owner == owner and (own or not repo.private)
        ]

    def _repo(self, method: str, repo: Repo, rest: list[str], body: Any) -> tuple[int, Any] | None:
        if not rest:
            return 200, repo.shape()
        if rest == ["branches"]:
            return 200, [{"name": name, "commit": {"sha": "c0ffee"}, "protected": False} for name in repo.branches]
        if rest[:2] == ["git", "trees"]:
            files = repo.branches[rest[2]]
            tree = [{"path": path, "type": "blob", "sha": sha(data), "size": len(data)} for path, data in files.items()]
            return 200, {"sha": "7ree", "tree": tree, "truncated": False}
        if rest[0] == "contents":
            path = "/".join(rest[1:])
            return self._put(repo, path, body) if method == "PUT" else self._content(repo, path)
        return None

    def _content(self, repo: Repo, path: str) -> tuple[int, Any]:
        data = repo.branches[self._query.get("ref", "main")][path]
        if "raw" in self.headers.get("Accept", ""):
            return 200, data
        encoded = base64.b64encode(data).decode()
        return 200, {"type": "file", "path": path, "sha": sha(data), "size": len(data), "content": encoded}

    def _put(self, repo: Repo, path: str, body: Any) -> tuple[int, Any] | None:
        if not self._known:
            return None
        files = repo.branches[body["branch"]]
        there = files.get(path)
        if there is not None and "sha" not in body:
            return 422, {"message": 'Invalid request.\n\n"sha" wasn\'t supplied.', "status": "422"}
        if there is not None and body["sha"] != sha(there):
            return 409, {"message": f"{path} does not match {body['sha']}", "status": "409"}
        files[path] = base64.b64decode(body["content"])
        page = f"{self.github.url}/{repo.owner}/{repo.name}"
        return 200 if there else 201, {
            "content": {"path": path, "sha": sha(files[path]), "html_url": f"{page}/blob/{body['branch']}/{path}"},
            "commit": {"sha": "c0ffee", "message": body["message"], "html_url": f"{page}/commit/c0ffee"},
        }

    def _gist(self, method: str, segments: list[str], body: Any) -> tuple[int, Any] | None:
        gists = self.github.gists
        if method == "GET":
            return 200, self._gist_shape(segments[1])
        if not self._known:
            return None
        files = {name: value["content"] for name, value in body["files"].items()}
        if method == "POST":
            made = hashlib.sha256(repr(sorted(gists)).encode()).hexdigest()[:32]
            about = {"public": body.get("public", False), "description": body.get("description", "")}
            gists[made] = {"owner": LOGIN, "files": files, **about}
            return 201, self._gist_shape(made)
        gists[segments[1]]["files"].update(files)
        return 200, self._gist_shape(segments[1])

    def _gist_shape(self, gist_id: str) -> dict[str, Any]:
        gist = self.github.gists[gist_id]
        files = {
            name: {"filename": name, "size": len(text), "truncated": False, "content": text}
            for name, text in gist["files"].items()
        }
        return {
            "id": gist_id,
            "html_url": f"{self.github.settings()['gist_url']}/{gist['owner']}/{gist_id}",
            "public": gist["public"],
            "description": gist["description"],
            "owner": {"login": gist["owner"]},
            "files": files,
        }

    def _say(self, status: int, answer: Any) -> None:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-RateLimit-Remaining", "59")
        if self._known:
            self.send_header("X-OAuth-Scopes", "gist, repo")
        self.end_headers()
        self.wfile.write(data)


def sha(data: bytes) -> str:
    """Returns git's name of content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def main() -> None:
    """Serves what the first line of standard input describes: ``repos`` with their ``branches``, and ``gists``."""
    told = json.loads(sys.stdin.readline())
    with FakeGitHub() as fake:
        for name, about in told.get("repos", {}).items():
            made = fake.repo(*name.split("/"), private=about.get("private", False))
            for branch, files in about["branches"].items():
                made.branches[branch] = {path: text.encode() for path, text in files.items()}
        for gist_id, files in told.get("gists", {}).items():
            fake.gist(gist_id, LOGIN, files)
        print(json.dumps({"url": fake.url, "outside": fake.settings()}), flush=True)  # noqa: T201
        for line in sys.stdin:
            # A line asks for a file: what lies there now.
            repo, branch, path = json.loads(line)
            print(json.dumps(fake.repos[repo].branches[branch][path].decode()), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
