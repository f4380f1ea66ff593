"""The child: one request line of JSON and the input on standard input, the result on standard output.

An expected failure is ``{"code", "message"}`` on standard error and exit code 3.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from labora.base.errors import InvalidError, LaboraError
from labora.base.settings import LimitSettings
from labora.convert.lockdown import limit, lock_down

REFUSED = 3
_SPARED = ("IPython", "isoduration", "jupyter_server", "rfc3987_syntax", "tornado")
"""What libraries take along where it is installed and nothing here uses: a second of processor time."""


def main() -> int:
    """Converts once."""
    request = json.loads(sys.stdin.buffer.readline())
    limit(request["memory_bytes"], request["seconds"])
    body = sys.stdin.buffer.read()
    sys.modules.update(dict.fromkeys(_SPARED))  # type: ignore[arg-type]
    work = _writer(request, body) if "write" in request else _reader(request)
    lock_down()
    try:
        result = work(body)
    except LaboraError as error:
        print(json.dumps({"code": error.error_code, "message": error.message}), file=sys.stderr)  # noqa: T201
        return REFUSED
    sys.stdout.buffer.write(result)
    sys.stdout.buffer.flush()
    return 0


def _reader(request: dict[str, Any]) -> Any:
    import jupytext  # noqa: F401 - before the doors close

    from labora.convert.texts import read_text

    def work(body: bytes) -> bytes:
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidError("The file is no text in UTF-8.", code="not_a_notebook") from error
        return read_text(text, request["name"])

    return work


def _writer(request: dict[str, Any], body: bytes) -> Any:
    from labora.convert.model import Options
    from labora.convert.page import write_page
    from labora.convert.texts import write_markdown, write_script
    from labora.notebook.codec import as_version_4
    from labora.notebook.jsontext import load_file

    options = Options(**request["write"])
    limits = LimitSettings()
    if options.format.startswith("py"):
        import jupytext  # noqa: F401 - before the doors close

    if re.search(rb'"nbformat"\s*:\s*4', body) is None:
        import nbformat  # noqa: F401 - brings old notebooks to version 4

    write = {"html": write_page, "pdf": write_page, "md": write_markdown}.get(options.format, write_script)

    def work(body: bytes) -> bytes:
        parsed = load_file(body, max_bytes=len(body) + 1, max_depth=limits.json_depth)
        if options.format == "ipynb":
            notebook, _ = as_version_4(parsed.value, [])
            return _less(notebook, options)
        notebook, _ = as_version_4(parsed.value, [])
        return write(notebook, options).encode("utf-8", "replace")

    return work


def _less(notebook: dict[str, Any], options: Any) -> bytes:
    """Returns the notebook without outputs, or without code cells' code."""
    for cell in notebook.get("cells", []):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            if not options.outputs:
                cell["outputs"], cell["execution_count"] = [], None
            if not options.code:
                cell["source"] = ""
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    sys.exit(main())
