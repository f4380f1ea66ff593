"""Notebooks in other formats and back: what is in them, and what can never be."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from labora.base.errors import InvalidError, LaboraError, UnavailableError
from labora.base.settings import ExportSettings
from labora.convert.ansi import ansi_to_html, strip_ansi
from labora.convert.clean import Texts, clean_html
from labora.convert.model import Format, Options
from labora.convert.page import write_page
from labora.convert.runner import Converter
from labora.convert.texts import write_markdown

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def code(source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "cell_type": "code", "metadata": {}, "source": source, "execution_count": 3, "outputs": list(outputs), "id": "c"
    }  # fmt: skip


def text(source: str, **more: Any) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source, "id": "t", **more}


def shown(**data: Any) -> dict[str, Any]:
    bundle = {key.replace("__", "/").replace("_", "+") if "__" in key else key: value for key, value in data.items()}
    return {"output_type": "display_data", "metadata": {}, "data": bundle}


def notebook(*cells: dict[str, Any]) -> dict[str, Any]:
    return {
        "cells": list(cells), "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5
    }  # fmt: skip


BOOK = notebook(
    text("# Waves\n\nwith $x^2$ and\n\n$$\\frac{a}{b}$$\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n![p](attachment:p.png)",
         attachments={"p.png": {"image/png": PNG}}),
    code("print('total')", {"output_type": "stream", "name": "stdout", "text": ["\x1b[31mred\x1b[0m <b>\n"]}),
    code("plot()", shown(image__png=PNG, text__plain="picture of waves")),
    code("df", shown(text__html="<table class='dataframe'><tr><td>42</td></tr></table>", text__plain="42")),
)  # fmt: skip


@pytest.fixture
def converter() -> Converter:
    return Converter(ExportSettings())


def page(book: dict[str, Any], **options: Any) -> str:
    return write_page(book, Options(**{"format": "html", "title": "Waves", **options}))


def test_a_page_holds_text_formulas_code_and_outputs() -> None:
    html = page(BOOK)
    assert html.count("Waves</h1>") == 1
    assert '<h1 class="title">Waves</h1>' in page(notebook(code("1")))
    assert html.count("<math") == 2
    assert "<mfrac>" in html
    assert '<span class="h-nb">print</span>' in html
    assert 'style="color:var(--ansi-red)">red</span> &lt;b&gt;' in html
    assert html.count(f'src="data:image/png;base64,{PNG}"') == 2
    assert 'alt="picture of waves"' in html
    assert "<td>42</td>" in html


@pytest.mark.parametrize(("code_too", "outputs_too"), [(True, False), (False, True), (False, False)])
def test_code_and_outputs_can_be_left_out(code_too: bool, outputs_too: bool) -> None:
    for written in (
        page(BOOK, code=code_too, outputs=outputs_too),
        write_markdown(BOOK, Options("md", code_too, outputs_too)),
    ):
        assert ("total" in written) == code_too
        assert (">42<" in written) == outputs_too
        assert "Waves" in written


HOSTILE = [
    "<script>steal()</script>",
    "<img src=x onerror=steal()>",
    "<a href='javascript:steal()'>x</a>",
    "<a href='data:text/html,<script>steal()</script>'>x</a>",
    "<iframe src='https://evil.example'></iframe>",
    "<form action='https://evil.example'><button formaction='javascript:steal()'>x</button></form>",
    "<svg><script>steal()</script><a xlink:href='javascript:steal()'>x</a></svg>",
    "<math><mtext><img src onerror=steal()></mtext></math>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href='https://evil.example'><link rel=stylesheet href='https://evil.example/x.css'>",
    "<style>@import 'https://evil.example/x.css'</style>",
    "<p style='position:fixed;background:url(https://evil.example/p)'>x</p>",
    "<object data='file:///etc/passwd'></object><embed src='file:///etc/passwd'>",
    "<img src='file:///etc/passwd'><video src='https://evil.example/v'></video>",
    "$\\href{javascript:steal()}{x}$ $\\text{<img src=x onerror=steal()>}$",
    "![x](javascript:steal()) [y](vbscript:steal())",
    "</pre></section></main><script>steal()</script>",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_in_a_page_runs_or_loads(hostile: str) -> None:
    cells = [
        text(hostile),
        code(hostile, shown(text__html=hostile), shown(text__markdown=hostile), shown(text__latex=hostile)),
        {"cell_type": "raw", "metadata": {}, "source": hostile, "id": "r"},
        code("x", {"output_type": "stream", "name": "stdout", "text": hostile}, shown(text__plain=hostile)),
    ]
    for written in (page(notebook(*cells), code=False), clean_html(hostile), Texts().html(hostile)):
        # What is left of it is text: no element, attribute or address of it.
        tags = "".join(part.partition(">")[0] for part in written.split("<")[1:] if part[:1] != "!").lower()
        for banned in (
            "script",
            "onerror",
            "javascript:",
            "vbscript:",
            "iframe",
            "evil.example",
            "file:",
            "xlink",
            "base ",
        ):
            assert banned not in tags.replace('src="data:', ""), (banned, written)


def test_a_page_forbids_everything_again_by_its_own_policy() -> None:
    assert "default-src 'none'; img-src data: https:;" in page(BOOK)
    assert "default-src 'none'; img-src data:;" in page(BOOK, format="pdf")


def test_what_needs_scripts_gives_way_to_its_picture_or_text() -> None:
    plot = "<div id=p></div><script>draw()</script>"
    with_picture = page(notebook(code("", shown(text__html=plot, image__png=PNG))))
    assert PNG in with_picture
    alone = page(notebook(code("", shown(text__html=plot, text__plain="Figure(…)"))))
    assert "Figure(…)" in alone
    assert "Interactive output" in alone


def test_pictures_of_svg_are_pictures_only() -> None:
    html = page(notebook(code("", {"output_type": "display_data", "data": {"image/svg+xml": "<svg onload='x()'/>"}})))
    assert "<svg" not in html
    assert 'src="data:image/svg+xml;base64,' in html


def test_broken_cells_and_outputs_do_not_break_a_page() -> None:
    book = notebook(text("fine"))
    book["cells"] += [
        None,
        3,
        {"cell_type": "code"},
        {"cell_type": "code", "outputs": [None, {}, {"data": 5}, {"output_type": "error"}]},
    ]
    book["metadata"] = "none"
    assert "fine" in page(book)
    assert "fine" in write_markdown(book, Options("md"))


def test_terminal_colours() -> None:
    assert strip_ansi("\x1b[1;31mred\x1b[0m\x1b[K done") == "red done"
    assert ansi_to_html("\x1b[38;5;196mx\x1b[0m\x1b[48;2;1;2;3my") == (
        '<span style="color:rgb(255,0,0)">x</span><span style="background-color:rgb(1,2,3)">y</span>'
    )


def test_a_code_that_is_no_colour_is_passed_over() -> None:
    assert ansi_to_html(f"\x1b[{'1' * 5000}mx\x1b[1;{'3' * 5000}my") == 'x<span style="font-weight:bold">y</span>'


FORGED = [
    "&#xe000;5&#xe001; $x^2$",
    "\ue0005\ue001 $x^2$",
    "<b title='&#xe000;0&#xe001;'>b</b> $x^2$",
    '<img alt="&#xe000;0&#xe001;" src="data:image/png;base64,AAAA"> $x^2$',
    '<div title="\n\n$y$\n\n<p class="c">b</p></div>\n\n$x^2$',
    '<div title="a > b\n\n$$y$$\n\n<p class="c">b</p></div>\n\n$x^2$',
]


@pytest.mark.parametrize("forged", FORGED)
def test_formulas_stand_where_they_were_written_and_in_no_attribute(forged: str) -> None:
    written = Texts().html(forged)
    shown = Shown()
    shown.feed(written)
    assert shown.elements["math"] == 1, written
    assert not [value for value in shown.values if "math" in value], written
    assert "xmlns" not in "".join(shown.texts)


class Shown(HTMLParser):
    """The elements, texts and values of attributes of a page, but for the attributes of formulas."""

    def __init__(self) -> None:
        super().__init__()
        self.elements, self.values, self.texts = Counter[str](), list[str](), list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.values += [value or "" for name, value in attrs if name != "xmlns"]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_server_without_images_from_elsewhere_writes_none() -> None:
    there = "https://images.example/p.png"
    book = notebook(text(f"![x]({there})"), code("1", shown(text__html=f"<p>it</p><img src='{there}'>")))
    assert page(book).count(there) == 2
    assert there not in page(book, outside=False)
    assert "img-src data:;" in page(book, outside=False)
    assert write_markdown(book, Options("md", outside=False)).count(there) == 1, "an address in a text, and no image"


async def test_a_script_comes_back_as_the_same_cells(converter: Converter) -> None:
    data = json.dumps(BOOK).encode()
    for form, ending in (("py", "py"), ("md", "md")):
        written = await converter.write(data, Options(_format(form), outputs=False))
        back = json.loads(await converter.read(written, f"waves.{ending}"))
        sources = [
            cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"]) for cell in back["cells"]
        ]
        assert [cell["cell_type"] for cell in back["cells"]] == ["markdown", "code", "code", "code"], form
        assert sources[1:] == ["print('total')", "plot()", "df"], form


def _format(name: str) -> Format:
    return name  # type: ignore[return-value]


async def test_what_is_no_notebook_is_told(converter: Converter) -> None:
    with pytest.raises(InvalidError) as broken:
        await converter.write(b'{"cells": [', Options("html"))
    assert broken.value.message
    with pytest.raises(InvalidError) as other:
        await converter.read(b"\xff\xfe\x00binary", "data.py")
    assert other.value.error_code == "not_a_notebook"


LOCKED = """
import socket, subprocess, os
from labora.convert.lockdown import limit, lock_down
limit(1 << 31, 10)
lock_down()
for name, work in {
    "read": lambda: open("/etc/hostname"),
    "list": lambda: open(os.path.dirname(os.__file__) + "/../../../etc/hostname"),
    "write": lambda: open("/tmp/labora-never", "w"),
    "connect": lambda: socket.create_connection(("127.0.0.1", 9)),
    "run": lambda: subprocess.run(["true"]),
    "fork": lambda: os.fork(),
    "remove": lambda: os.remove("/tmp/labora-never"),
}.items():
    try:
        work()
    except PermissionError:
        continue
    print(name)
open(os.__file__).close()
"""


def test_a_conversion_reaches_nothing_but_its_input() -> None:
    done = subprocess.run([sys.executable, "-c", LOCKED], capture_output=True, text=True, check=True)
    assert done.stdout == ""


async def test_a_conversion_that_takes_too_long_is_ended() -> None:
    slow = Converter(ExportSettings(timeout_s=0.05))
    with pytest.raises(UnavailableError) as late:
        await slow.write(json.dumps(BOOK).encode(), Options("html"))
    assert late.value.error_code == "export_too_slow"


async def test_pdf_is_printed_without_network_or_says_what_is_missing(converter: Converter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0)
        address = f"http://127.0.0.1:{canary.getsockname()[1]}/p.png"
        book = notebook(text(f"# Waves\n\n![x]({address})"), code("1", shown(text__html=f"<img src='{address}'>")))
        work = converter.write(json.dumps(book).encode(), Options("pdf"))
        if shutil.which("chromium") is None:
            with pytest.raises(UnavailableError) as missing:
                await work
            assert missing.value.error_code == "no_browser"
            return
        assert (await work).startswith(b"%PDF-")
        with pytest.raises(BlockingIOError):
            canary.accept()


BROWSERS = {
    "a file": (r"printf '%%PDF-1.7' > page.pdf", None),
    "a link out of its folder": ("ln -s /etc/passwd page.pdf", "export_failed"),
    "a second name of another file": ("ln page.html page.pdf", "export_failed"),
    "a pipe": ("mkfifo page.pdf", "export_failed"),
    "a folder": ("mkdir page.pdf", "export_failed"),
    "nothing": ("true", "export_failed"),
    "more than any may write": ("truncate -s 2000000000 page.pdf", "export_failed"),
    "too much": ("truncate -s 1000001 page.pdf", "export_too_large"),
}


@pytest.mark.parametrize("leaves", BROWSERS)
async def test_only_a_file_of_the_browsers_own_is_taken_from_its_folder(leaves: str, tmp_path: Path) -> None:
    work, told = BROWSERS[leaves]
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\n{work}\n")
    browser.chmod(0o755)
    converter = Converter(ExportSettings(chromium=str(browser), result_bytes=1_000_000))
    work_there = converter.write(json.dumps(BOOK).encode(), Options("pdf"))
    if told is None:
        assert await work_there == b"%PDF-1.7"
        return
    with pytest.raises(LaboraError) as refused:
        await work_there
    assert refused.value.error_code == told


async def test_without_a_browser_pdf_names_what_to_install() -> None:
    with pytest.raises(UnavailableError, match="apt-get install chromium"):
        await Converter(ExportSettings(chromium="/no/such/browser")).write(b"{}", Options("pdf"))


async def test_who_waits_no_longer_ends_the_conversion(converter: Converter) -> None:
    task = asyncio.create_task(converter.write(json.dumps(BOOK).encode(), Options("py")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
