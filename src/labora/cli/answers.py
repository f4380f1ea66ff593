"""What ``labora run`` answers the programs of its notebook itself, without a server."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from dotenv import dotenv_values

from labora.cli.reading import read_file
from labora.kernels import asks
from labora.kernels.asks import KernelAsk


class Secrets(Protocol):
    """Secrets for a run."""

    async def get(self, account_id: str, file_id: str, name: str) -> dict[str, Any]:
        """Returns ``{"exists": bool, "access": bool, "value": str | None}``."""
        ...


class FileSecrets:
    """The values of a ``.env`` file: whoever gives it to a run lets the run's notebook read them all.

    Raises:
        NotFoundError: there is no such file.
        LaboraError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        text = read_file(path).decode("utf-8-sig", "replace")
        # As they are written: a password may hold a dollar sign.
        self._values = dotenv_values(stream=io.StringIO(text), interpolate=False)

    async def get(self, account_id: str, file_id: str, name: str) -> dict[str, Any]:
        """Returns the value of a name, whoever asks."""
        value = self._values.get(name)
        return {"exists": value is not None, "access": value is not None, "value": value}


class RunAnswers:
    """Answers of one run.

    Args:
        name: the notebook's file name.
        ipynb: returns the notebook as it is now, with or without its outputs.
        secrets: None where there are none.
    """

    def __init__(self, name: str, ipynb: Callable[[bool], bytes], secrets: Secrets | None = None) -> None:
        self._name = name
        self._ipynb = ipynb
        self._secrets = secrets

    async def answer(self, ask: KernelAsk) -> dict[str, Any]:
        """Returns the answer; nobody is there to be asked, and what only a person or page can do is refused."""
        match ask.kind:
            case "notebook":
                return asks.granted({"file_id": "", "name": self._name, "url": ""})
            case "get_ipynb":
                return asks.granted({"ipynb": self._whole()})
            case "secret.get":
                if self._secrets is None:
                    return asks.granted({"exists": False, "access": False, "value": None})
                return asks.granted(await self._secrets.get("", "", ask.text("name")))
            case "request_auth":
                return asks.no_google()
            case "unassign":
                return asks.refused("not_here", "This machine is for this run alone and ends with it.")
            case "drive.mount" | "drive.unmount":
                return asks.refused("no_drive", "This run has no drive. Run the notebook on a server to use yours.")
        if ask.kind in asks.PAGE_KINDS or ask.kind == "stdin":
            return asks.nobody_asked()
        return asks.unknown_ask(ask.kind)

    def _whole(self) -> Any:
        for outputs in (True, False):
            if (ipynb := asks.fitting_ipynb(self._ipynb(outputs))) is not None:
                return ipynb
        raise asks.ipynb_too_large()
