"""What is asked of a conversion, and what the formats are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from labora.notebook.model import kernelspec_of

Format = Literal["ipynb", "html", "pdf", "md", "py", "py-light"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One format: the ending of its files and its media type."""

    ending: str
    media_type: str


FORMATS: dict[str, Kind] = {
    "ipynb": Kind(".ipynb", "application/x-ipynb+json"),
    "html": Kind(".html", "text/html"),
    "pdf": Kind(".pdf", "application/pdf"),
    "md": Kind(".md", "text/markdown"),
    "py": Kind(".py", "text/x-python"),
    "py-light": Kind(".py", "text/x-python"),
}
SCRIPTS = {"python": ".py", "r": ".r", "julia": ".jl", "bash": ".sh", "javascript": ".js", "scala": ".scala"}
"""Endings of scripts by the notebook's language; other languages are written as Python comments and code."""
TEXTS = (".py", ".md", ".rmd", ".r", ".jl")
"""Endings of texts that can be opened as notebooks."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a notebook is written.

    Attributes:
        format: one of :data:`FORMATS`; ``pdf`` is written as the page that is then printed.
        code: whether code cells show their code.
        outputs: whether they show their outputs.
        title: the name that the page bears.
        outside: whether the page may show images from other sites, which then see its reader; PDF never does.
    """

    format: Format = "html"
    code: bool = True
    outputs: bool = True
    title: str = "Notebook"
    outside: bool = True

    def as_json(self) -> dict[str, Any]:
        """Returns the request that the child reads."""
        return asdict(self)


def language_of(metadata: Mapping[str, Any]) -> str:
    """Returns a notebook's language as its kernel calls it, in lower case; Python where it does not say."""
    info = metadata.get("language_info")
    name = info.get("name") if isinstance(info, dict) else None
    name = name or kernelspec_of(metadata).get("language")
    return name.lower() if isinstance(name, str) and name else "python"
