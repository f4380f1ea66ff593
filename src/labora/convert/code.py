"""Code in colours."""

from __future__ import annotations

import re
from html import escape

from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_MAGIC = re.compile(r"%%(bash|sh|javascript|js|html|latex|markdown|perl|ruby|sql|R|svg)\b")
_MAGIC_LANGUAGES = {"sh": "bash", "js": "javascript", "svg": "xml"}
_FORMATTER = HtmlFormatter(nowrap=True, style="default", classprefix="h-")
LONGEST = 200_000
"""Characters of a cell beyond which code stays plain: colouring takes time and helps nobody there."""


def cell_language(source: str, language: str) -> str:
    """Returns the language of one cell, which a magic may change."""
    found = _MAGIC.match(source)
    return _MAGIC_LANGUAGES.get(found[1], found[1].lower()) if found else language


def code_html(source: str, language: str) -> str:
    """Returns code as HTML with a class for each kind of token."""
    if len(source) > LONGEST:
        return escape(source)
    try:
        lexer = get_lexer_by_name(cell_language(source, language), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return escape(source)
    return str(highlight(source, lexer, _FORMATTER))


def code_styles() -> str:
    """Returns the style sheet of :func:`code_html`."""
    return str(_FORMATTER.get_style_defs(".code"))
