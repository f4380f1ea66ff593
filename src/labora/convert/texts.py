"""A notebook as Markdown to read, and as scripts and Markdown that are notebooks themselves (Jupytext)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from labora.base.errors import InvalidError
from labora.convert.ansi import strip_ansi
from labora.convert.clean import IMAGES, clean_html, image_address
from labora.convert.code import cell_language
from labora.convert.model import TEXTS, Options, language_of
from labora.convert.page import hidden
from labora.notebook.textform import join_text

_ATTACHMENT = re.compile(r"\]\(attachment:([^)\s]+)\)")
_RUN = re.compile(r"`{3,}")


def write_markdown(notebook: Mapping[str, Any], options: Options) -> str:
    """Returns a notebook as Markdown with its images inline."""
    metadata = notebook.get("metadata")
    language = language_of(metadata if isinstance(metadata, dict) else {})
    blocks = [
        block
        for cell in notebook.get("cells") or []
        if isinstance(cell, dict)
        for block in _cell(cell, language, options)
    ]
    return "\n\n".join(block.strip("\n") for block in blocks if block.strip()) + "\n"


def _cell(cell: Mapping[str, Any], language: str, options: Options) -> Iterator[str]:
    source = join_text(cell.get("source")) or ""
    if cell.get("cell_type") != "code":
        yield _with_attachments(source, cell.get("attachments"))
        return
    if options.code and source.strip() and not hidden(cell, "source_hidden"):
        yield _fenced(source, cell_language(source, language))
    outputs = cell.get("outputs")
    if options.outputs and isinstance(outputs, list) and not hidden(cell, "outputs_hidden"):
        for output in outputs:
            if isinstance(output, dict):
                yield _output(output, outside=options.outside)


def _output(output: Mapping[str, Any], *, outside: bool) -> str:
    kind = output.get("output_type")
    if kind == "stream":
        return _fenced(strip_ansi(join_text(output.get("text")) or ""), "text")
    if kind == "error":
        lines = output.get("traceback")
        return _fenced(strip_ansi("\n".join(map(str, lines if isinstance(lines, list) else []))), "text")
    data = output.get("data")
    if not isinstance(data, dict):
        return ""
    for media_type in IMAGES:
        address = image_address(media_type, data.get(media_type))
        if address:
            return f"![Output]({address})"
    for media_type in ("text/markdown", "text/latex"):
        text = join_text(data.get(media_type))
        if text is not None:
            return text
    markup = join_text(data.get("text/html"))
    if markup is not None:
        clean = clean_html(markup, outside=outside)
        if re.sub(r"<[^>]*>", "", clean).strip():
            # A blank line would end the block of HTML.
            return re.sub(r"\n\s*\n", "\n", f"<div>\n{clean.strip()}\n</div>")
    plain = join_text(data.get("text/plain"))
    if plain is None and "application/json" in data:
        plain = json.dumps(data["application/json"], indent=1, ensure_ascii=False)
    return "" if plain is None else _fenced(strip_ansi(plain), "text")


def _fenced(text: str, language: str) -> str:
    longest = max((len(run) for run in _RUN.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip(chr(10))}\n{fence}" if text.strip() else ""


def _with_attachments(source: str, attachments: Any) -> str:
    if not isinstance(attachments, dict):
        return source

    def address(match: re.Match[str]) -> str:
        bundle = attachments.get(match[1])
        for media_type, value in (bundle if isinstance(bundle, dict) else {}).items():
            found = image_address(media_type, value)
            if found:
                return f"]({found})"
        return match[0]

    return _ATTACHMENT.sub(address, source)


def write_script(notebook: Mapping[str, Any], options: Options) -> str:
    """Returns a notebook as a script in Jupytext's percent or light form, in the notebook's own language.

    Raises InvalidError for a notebook whose language has no such form.
    """
    import jupytext
    from nbformat import from_dict

    cells = [
        {key: value for key, value in cell.items() if key != "outputs"}
        for cell in notebook.get("cells") or []
        if isinstance(cell, dict) and (options.code or cell.get("cell_type") != "code")
    ]
    for cell in cells:
        cell["source"] = join_text(cell.get("source")) or ""
        if cell.get("cell_type") == "code":
            cell["outputs"] = []
    metadata = notebook.get("metadata")
    # What a notebook says of Jupytext is for other programs: here the asker chooses.
    plain = {key: value for key, value in (metadata if isinstance(metadata, dict) else {}).items() if key != "jupytext"}
    node = from_dict({**notebook, "cells": cells, "metadata": plain})  # type: ignore[no-untyped-call]
    form = "light" if options.format == "py-light" else "percent"
    try:
        return str(jupytext.writes(node, fmt={"extension": "auto", "format_name": form}))
    except Exception as error:  # noqa: BLE001 - of many kinds, for languages that it does not know
        try:
            return str(jupytext.writes(node, fmt={"extension": ".py", "format_name": form}))
        except Exception:  # noqa: BLE001
            raise InvalidError(f"This notebook cannot be written as a script: {error}.", code="no_script") from error


def read_text(text: str, name: str) -> bytes:
    """Returns a script or Markdown file as an ``.ipynb``.

    Raises InvalidError for a file that is no notebook in any of Jupytext's forms.
    """
    import jupytext

    ending = name[name.rfind(".") :].lower() if "." in name else ""
    if ending not in TEXTS:
        raise InvalidError(f"Files ending in {', '.join(TEXTS)} can be opened as notebooks.", code="not_a_notebook")
    try:
        node = jupytext.reads(text, fmt={".rmd": ".Rmd", ".r": ".R"}.get(ending, ending))
    except Exception as error:  # of many kinds, among them those of YAML
        raise InvalidError(f"The file cannot be read as a notebook: {error}.", code="not_a_notebook") from error
    node.metadata.pop("jupytext", None)
    if "kernelspec" not in node.metadata and ending in {".py", ".md"}:
        node.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
        node.metadata.setdefault("language_info", {"name": "python"})
    return (json.dumps(node, indent=1, ensure_ascii=False) + "\n").encode()
