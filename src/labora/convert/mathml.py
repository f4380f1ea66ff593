r"""LaTeX formulas as MathML, which browsers draw without a script or a font from elsewhere."""

from __future__ import annotations

import contextlib
import re
from html import escape, unescape
from xml.etree.ElementTree import Element

_ELEMENT = re.compile(r"m[a-z]+")
_ATTRIBUTES = frozenset(
    {
        "accent", "align", "columnalign", "columnlines", "columnspacing", "depth", "display", "displaystyle", "fence",
        "form", "height", "largeop", "linethickness", "lspace", "mathcolor", "mathsize", "mathvariant", "maxsize",
        "minsize", "movablelimits", "notation", "rowalign", "rowlines", "rowspacing", "rspace", "scriptlevel",
        "separator", "stretchy", "symmetric", "voffset", "width",
    }
)  # fmt: skip
_MAX_LENGTH = 20_000


def formula(tex: str, *, block: bool) -> str:
    """Returns a formula as MathML; as it was written where it cannot be understood."""
    from latex2mathml.converter import convert_to_element

    # The parser fails in many ways on what is no formula.
    with contextlib.suppress(Exception):
        if len(tex) <= _MAX_LENGTH:
            return _write(convert_to_element(tex.strip(), display="block" if block else "inline"))
    text = f"<code>{escape(tex)}</code>"
    return f"<div>{text}</div>" if block else text


def _write(element: Element) -> str:
    # Written here: the library's own writer leaves "<" in texts as it is.
    name = element.tag.rpartition("}")[2]
    if not _ELEMENT.fullmatch(name):
        return ""
    attributes = "".join(
        f' {key}="{escape(unescape(value))}"' for key, value in element.attrib.items() if key in _ATTRIBUTES
    )
    inner = escape(unescape(element.text or ""))
    for child in element:
        inner += _write(child) + escape(unescape(child.tail or ""))
    return f"<{name}{attributes}>{inner}</{name}>"
