"""HTML and Markdown of authors as HTML without anything active."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from labora.convert.mathml import formula
from labora.notebook.textform import join_text

IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml")
_TAGS = (
    nh3.ALLOWED_TAGS
    | {"section", "article", "figure", "figcaption", "input", "tfoot", "caption", "audio", "video", "source", "main"}
) - {"map", "area"}
_STYLES = {
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left", "border-radius",
    "border-right", "border-spacing", "border-style", "border-top", "border-width", "clear", "color", "display",
    "float", "font-family", "font-size", "font-style", "font-weight", "height", "letter-spacing", "line-height",
    "list-style-type", "margin", "margin-bottom", "margin-left", "margin-right", "margin-top", "max-height",
    "max-width", "min-height", "min-width", "opacity", "overflow", "padding", "padding-bottom", "padding-left",
    "padding-right", "padding-top", "text-align", "text-decoration", "text-indent", "text-transform",
    "vertical-align", "white-space", "width", "word-break",
}  # fmt: skip
_ATTRIBUTES = {
    "*": {"class", "id", "style", "title", "lang", "dir", "align", "valign", "width", "height", "bgcolor", "colspan",
          "rowspan", "border", "cellpadding", "cellspacing", "scope"},
    "a": {"href", "name"},
    "img": {"src", "alt"},
    "audio": {"src", "controls"},
    "video": {"src", "controls", "poster"},
    "source": {"src", "type"},
    "input": {"type", "checked", "disabled"},
    "ol": {"start", "type"},
    "details": {"open"},
}  # fmt: skip
_DATA = re.compile(r"data:(image/(?:png|jpeg|gif|webp|svg\+xml)|audio/[\w.+-]+|video/[\w.+-]+);base64,", re.IGNORECASE)
_LINK = re.compile(r"https?:|mailto:|#", re.IGNORECASE)
_TAG = r'<(?:[^<>"]|"[^"]*")*>'
"""A tag as nh3 writes it: in text it writes no "<", in values of attributes no quotation mark."""


def clean_html(html: str, attachments: Mapping[str, Any] | None = None, *, outside: bool = True) -> str:
    """Returns HTML that shows and links, and neither runs nor embeds.

    Args:
        html: what an author or a library wrote.
        attachments: of the cell, for images that name one.
        outside: whether images from other sites may stay.
    """
    files = attachments or {}

    def judge(tag: str, name: str, value: str) -> str | None:
        if name == "type" and tag == "input":
            return "checkbox"
        if name == "href":
            return value if _LINK.match(value) else None
        if name not in {"src", "poster"}:
            return value
        if value.startswith("attachment:"):
            return _attachment(files, value.removeprefix("attachment:"))
        return value if _DATA.match(value) or (outside and tag == "img" and value.startswith("https:")) else None

    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=judge,
        filter_style_properties=_STYLES,
        url_schemes={"https", "http", "mailto", "data", "attachment"},
        url_relative="pass_through",
        link_rel="noopener noreferrer nofollow",
    )


def _attachment(files: Mapping[str, Any], name: str) -> str | None:
    bundle = files.get(name) or files.get(unquote(name))
    for media_type, value in (bundle if isinstance(bundle, dict) else {}).items():
        found = image_address(media_type, value)
        if found is not None:
            return found
    return None


def image_address(media_type: str, value: Any) -> str | None:
    """Returns an image of a notebook as a ``data:`` address, or None for what is none."""
    text = join_text(value)
    if media_type not in IMAGES or text is None:
        return None
    if media_type == "image/svg+xml" and "<" in text:
        # In an img element an SVG neither runs scripts nor loads anything.
        encoded = base64.b64encode(text.encode("utf-8", "replace")).decode()
    else:
        encoded = re.sub(r"[^A-Za-z0-9+/=]", "", text)
    return f"data:{media_type};base64,{encoded}"


class Texts:
    """Renders Markdown; one for a page, whose formulas it numbers until the HTML is clean.

    What stands for a formula meanwhile is drawn for each page: no author can write it.

    Args:
        outside: whether images from other sites may stay.
    """

    def __init__(self, *, outside: bool = True) -> None:
        self._outside = outside
        self._formulas: list[str] = []
        self._key = secrets.token_hex(8)
        self._marks = re.compile(f"{self._key}-([0-9]+);")
        self._tags_and_marks = re.compile(f"{_TAG}|{self._marks.pattern}")
        self._markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
        self._markdown.use(dollarmath_plugin, double_inline=True, allow_labels=False).use(amsmath_plugin)
        for rule in ("math_inline", "math_inline_double", "math_block", "amsmath"):
            self._markdown.renderer.rules[rule] = self._keep  # type: ignore[attr-defined]

    def html(self, text: str, attachments: Mapping[str, Any] | None = None) -> str:
        """Returns Markdown as clean HTML."""
        self._formulas.clear()
        rendered = self._markdown.render(text)
        clean = clean_html(rendered, attachments, outside=self._outside)
        return self._tags_and_marks.sub(self._put_back, clean)

    def _put_back(self, found: re.Match[str]) -> str:
        if found[1] is None:
            # A tag: HTML of the author may have taken a formula into an attribute, where no element belongs.
            return self._marks.sub("", found[0])
        number = int(found[1])
        return self._formulas[number] if number < len(self._formulas) else ""

    def _keep(self, tokens: list[Token], index: int, _options: Any, _env: Any) -> str:
        token = tokens[index]
        self._formulas.append(formula(token.content, block=token.type != "math_inline"))
        mark = f"{self._key}-{len(self._formulas) - 1};"
        return f"<div>{mark}</div>" if token.block else mark
