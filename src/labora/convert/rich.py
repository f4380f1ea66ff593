"""Outputs of cells as HTML that runs nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from labora.convert.ansi import ansi_to_html
from labora.convert.clean import IMAGES, Texts, clean_html, image_address
from labora.notebook.textform import join_text

_ACTIVE = re.compile(r"<\s*(script|iframe|object|embed|canvas)\b", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")
INTERACTIVE = "Interactive output: it is shown in the notebook itself."


class Outputs:
    """Writes outputs. ``outside`` says whether images from other sites may stay."""

    def __init__(self, texts: Texts, *, outside: bool) -> None:
        self._texts, self._outside = texts, outside

    def html(self, output: Mapping[str, Any]) -> str:
        """Returns one output, of any kind and however broken."""
        kind = output.get("output_type")
        if kind == "stream":
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            return f'<pre class="out {name}">{ansi_to_html(join_text(output.get("text")) or "")}</pre>'
        if kind == "error":
            lines = output.get("traceback")
            text = "\n".join(str(line) for line in lines) if isinstance(lines, list) and lines else ""
            text = text or f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
            return f'<pre class="out error">{ansi_to_html(text)}</pre>'
        data = output.get("data")
        return self._bundle(data) if isinstance(data, dict) else ""

    def _bundle(self, data: Mapping[str, Any]) -> str:
        markup = join_text(data.get("text/html")) or ""
        if markup and not _ACTIVE.search(markup):
            return self._markup(markup)
        for media_type in ("image/svg+xml", *IMAGES):
            address = image_address(media_type, data.get(media_type))
            if address:
                return f'<div class="out"><img alt="{self._alternative(data)}" src="{escape(address)}"></div>'
        if markup:
            left = clean_html(markup, outside=self._outside)
            if _TAG.sub("", left).strip() or "<img" in left:
                return f'<div class="out html">{left}</div>'
            return self._note(data)
        for media_type in ("text/markdown", "text/latex"):
            text = join_text(data.get(media_type))
            if text is not None:
                return f'<div class="out text">{self._texts.html(text)}</div>'
        if any(key.startswith("application/vnd.") or key == "application/javascript" for key in data):
            return self._note(data)
        plain = join_text(data.get("text/plain"))
        if plain is None and "application/json" in data:
            plain = json.dumps(data["application/json"], indent=1, ensure_ascii=False)
        return "" if plain is None else f'<pre class="out">{ansi_to_html(plain)}</pre>'

    def _markup(self, markup: str) -> str:
        return f'<div class="out html">{clean_html(markup, outside=self._outside)}</div>'

    def _note(self, data: Mapping[str, Any]) -> str:
        plain = join_text(data.get("text/plain")) or ""
        shown = f'<pre class="out">{ansi_to_html(plain)}</pre>' if plain else ""
        return f'{shown}<p class="out note">{INTERACTIVE}</p>'

    @staticmethod
    def _alternative(data: Mapping[str, Any]) -> str:
        return escape((join_text(data.get("text/plain")) or "Output")[:200], quote=True)
