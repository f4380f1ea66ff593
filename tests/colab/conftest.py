"""The package ``google.colab`` with a stand-in for the runtime's agent, which answers what a test wants."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "colab" / "src"
SECRET = "a-kernel"


class Agent:
    """Answers ``POST /labora/ask`` as docs/protocols.md, section 8, says."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answers: dict[str, Callable[[dict[str, Any]], Any]] = {}
        self.gone = threading.Event()
        """Set once somebody gave up who was kept waiting."""
        agent = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path != "/labora/ask" or self.headers["Authorization"] != f"Bearer {SECRET}":
                    self.send_error(403)
                    return
                agent.asked.append(question)
                answer = agent.answer(question)
                if answer is None:
                    # Nobody answers: whoever waits hears nothing until they go.
                    self.connection.recv(1)
                    agent.gone.set()
                    return
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def answer(self, question: dict[str, Any]) -> Any:
        found = self.answers.get(question["kind"])
        if found is None:
            return {"ok": False, "code": "unknown_ask", "message": f"Nobody knows {question['kind']}."}
        return found(question["content"])

    def says(self, kind: str, value: Any) -> None:
        self.answers[kind] = lambda _: {"ok": True, "value": value}

    def refuses(self, kind: str, code: str, message: str = "No.") -> None:
        self.answers[kind] = lambda _: {"ok": False, "code": code, "message": message}

    def is_silent_about(self, kind: str) -> None:
        self.answers[kind] = lambda _: None

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Agent]:
    agent = Agent()
    yield agent
    agent.close()


@pytest.fixture
def agent(server: Agent, monkeypatch: pytest.MonkeyPatch) -> Agent:
    """The agent of the runtime that this process stands for."""
    monkeypatch.syspath_prepend(str(SOURCES))
    monkeypatch.setenv("LABORA_ASK", server.address)
    monkeypatch.setenv("LABORA_KERNEL", SECRET)
    return server
