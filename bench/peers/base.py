"""What every measured server offers to the scenarios."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import psutil


@dataclass(frozen=True)
class Person:
    """Somebody who signs in; ``login`` is empty where a server knows no accounts."""

    login: str
    password: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell of a notebook that is made for a measurement."""

    source: str
    kind: str = "code"


class Peer(ABC):
    """One server on loopback, from :meth:`start` to :meth:`stop`.

    Attributes:
        name: on the command line and in the report.
        pages: which page driver of ``bench/browser`` knows its pages.
    """

    name: ClassVar[str]
    pages: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""

    @abstractmethod
    async def start(self) -> None:
        """Starts the server; returns once it answers. Raises RuntimeError."""

    @abstractmethod
    async def stop(self) -> None:
        """Ends the server and all that it started."""

    @abstractmethod
    async def person(self, login: str) -> Person:
        """Makes an account for whom nothing runs yet."""

    @abstractmethod
    async def notebook(self, person: Person, name: str, cells: Sequence[Cell]) -> str:
        """Puts a notebook into a person's files; returns the path of its page."""

    @abstractmethod
    async def first_output(self, person: Person, name: str) -> float:
        """Starts what it takes and runs ``1+1`` in notebook ``name`` without a browser; seconds to the result."""

    @abstractmethod
    async def end(self, person: Person) -> None:
        """Ends what runs for a person."""

    @abstractmethod
    async def stored(self, person: Person, path: str) -> dict[str, Any]:
        """Returns the notebook of a page's path as the server stored it."""

    @abstractmethod
    def processes(self) -> list[psutil.Process]:
        """Returns all processes of the server, with everything that runs for its people."""

    @abstractmethod
    def server_processes(self) -> list[psutil.Process]:
        """Returns those of :meth:`processes` that are the server itself and no kernel or runtime."""


def ipynb(cells: Sequence[Cell]) -> bytes:
    """Returns a notebook file; the id of cell n is ``cell-n``."""
    made = []
    for at, cell in enumerate(cells):
        body: dict[str, Any] = {"id": f"cell-{at}", "cell_type": cell.kind, "metadata": {}, "source": cell.source}
        made.append(body | ({"outputs": [], "execution_count": None} if cell.kind == "code" else {}))
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return json.dumps({"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}).encode()
