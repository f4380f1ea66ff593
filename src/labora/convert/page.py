"""A notebook as one HTML page: nothing in it runs, and nothing but images is ever loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from importlib.resources import files
from typing import Any

from labora.convert.clean import Texts
from labora.convert.code import code_html, code_styles
from labora.convert.model import Options, language_of
from labora.convert.rich import Outputs
from labora.notebook.textform import join_text


def write_page(notebook: Mapping[str, Any], options: Options) -> str:
    """Returns the page of a notebook (nbformat 4, parsed).

    For ``pdf``, and without ``outside``, its policy lets nothing be loaded at all.
    """
    outside = options.outside and options.format != "pdf"
    metadata = notebook.get("metadata")
    language = language_of(metadata if isinstance(metadata, dict) else {})
    texts = Texts(outside=outside)
    writer = _Cells(options, language, texts, Outputs(texts, outside=outside))
    images = "data: https:" if outside else "data:"
    policy = (
        f"default-src 'none'; img-src {images}; media-src data:; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )
    styles = files("labora.convert").joinpath("page.css").read_text() + code_styles()
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="generator" content="Labora">'
        f"<title>{escape(options.title)}</title><style>{styles}</style>"
    )
    body = "\n".join(writer.write(notebook.get("cells") or []))
    heading = "" if _has_title(notebook) else f'<h1 class="title">{escape(options.title)}</h1>'
    main = f"<main>\n{heading}\n{body}\n</main>"
    return f'<!doctype html>\n<html lang="en">\n<head>{head}</head>\n<body>{main}</body>\n</html>\n'


def _has_title(notebook: Mapping[str, Any]) -> bool:
    """Returns whether the first cell is a title already."""
    first = next(iter(notebook.get("cells") or []), None)
    if not isinstance(first, dict) or first.get("cell_type") != "markdown":
        return False
    return (join_text(first.get("source")) or "").lstrip().startswith("# ")


class _Cells:
    def __init__(self, options: Options, language: str, texts: Texts, outputs: Outputs) -> None:
        self._options, self._language, self._texts, self._outputs = options, language, texts, outputs

    def write(self, cells: list[Any]) -> Iterator[str]:
        for cell in cells:
            if isinstance(cell, dict):
                written = self._cell(cell)
                if written:
                    yield f'<section class="cell">{written}</section>'

    def _cell(self, cell: Mapping[str, Any]) -> str:
        source = join_text(cell.get("source")) or ""
        if cell.get("cell_type") == "code":
            return self._code(cell, source)
        if cell.get("cell_type") == "raw":
            return f'<pre class="out">{escape(source)}</pre>' if source.strip() else ""
        attachments = cell.get("attachments")
        rendered = self._texts.html(source, attachments if isinstance(attachments, dict) else None)
        return f'<div class="text">{rendered}</div>' if source.strip() else ""

    def _code(self, cell: Mapping[str, Any], source: str) -> str:
        parts = []
        if self._options.code and source.strip() and not hidden(cell, "source_hidden"):
            count = cell.get("execution_count")
            if isinstance(count, int):
                parts.append(f'<div class="count">[{count}]</div>')
            parts.append(f'<pre class="code"><code>{code_html(source, self._language)}</code></pre>')
        outputs = cell.get("outputs")
        if self._options.outputs and isinstance(outputs, list) and not hidden(cell, "outputs_hidden"):
            written = "".join(self._outputs.html(output) for output in outputs if isinstance(output, dict))
            if written:
                parts.append(f'<div class="outputs">{written}</div>')
        return "".join(parts)


def hidden(cell: Mapping[str, Any], key: str) -> bool:
    """Returns whether a cell says of itself that its source or outputs are not shown."""
    metadata = cell.get("metadata")
    jupyter = metadata.get("jupyter") if isinstance(metadata, dict) else None
    return isinstance(jupyter, dict) and jupyter.get(key) is True
