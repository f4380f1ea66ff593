"""``labora run``: a whole notebook without a browser, here or on a server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from labora.base.errors import InvalidError, LaboraError
from labora.base.settings import Settings, load_settings
from labora.cli.answers import FileSecrets
from labora.cli.embedded import CellDone, MemoryStore, run_embedded
from labora.cli.options import Config, DataDir
from labora.cli.reading import read_file
from labora.cli.serve import stop_host

# Uids of a run of root lie this far above a server's, so that no two hosts hand out one uid.
_UID_DISTANCE = 1 << 30


def run(
    notebook: Annotated[Path, typer.Argument(help="The .ipynb file.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where the run notebook is written.")] = None,
    param: Annotated[list[str] | None, typer.Option("--param", help="name=value, sets a variable; repeatable.")] = None,
    secrets: Annotated[
        Path | None, typer.Option(help="A .env file; the notebook may read its values as secrets.")
    ] = None,
    server: Annotated[str | None, typer.Option(help="URL of a Labora server to run on.")] = None,
    token: Annotated[str | None, typer.Option(envvar="LABORA_TOKEN", help="API token for --server.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Runs every code cell and stops at the first that fails. Exit code 1 when one failed."""
    from labora.notebook.parameters import read_parameter

    parameters = dict(read_parameter(text) for text in param or [])
    data = read_file(notebook)
    if server:
        from labora.cli.remote import run_remote

        if not token:
            raise InvalidError("--server needs an API token: --token or LABORA_TOKEN.", code="no_token")
        if secrets:
            raise InvalidError(
                "On a server a notebook reads the secrets of the token's account: leave out --secrets.",
                code="secrets_of_account",
            )
        result, succeeded = asyncio.run(run_remote(server, token, notebook.name, data, parameters, _report))
    else:
        given = FileSecrets(secrets) if secrets else None
        result, succeeded = _run_here(config, data_dir, data, parameters, notebook.name, given)
    if output:
        _write(output, result)
        _say(f"• Written to {output}")
    raise typer.Exit(0 if succeeded else 1)


def _run_here(
    config: Path | None,
    data_dir: Path | None,
    data: bytes,
    parameters: dict[str, Any],
    name: str,
    secrets: FileSecrets | None,
) -> tuple[bytes, bool]:
    from labora.notebook.codec import read_notebook, write_notebook
    from labora.notebook.parameters import with_parameters
    from labora.notebook.privacy import settings_of, without_outputs

    blobs = MemoryStore()
    with _own_folder(config, data_dir) as settings:
        read = read_notebook(data, settings.limits, store=blobs.store)
        if read.read_only_reason:
            _say(f"⚠ {read.read_only_reason}")
        done, succeeded = asyncio.run(
            run_embedded(
                settings, with_parameters(read.notebook, parameters), blobs, _report, name=name, secrets=secrets
            )
        )
        if settings_of(done.metadata).omit_outputs:
            _say("• This notebook omits outputs when it is saved: none are written.")
            done = without_outputs(done)
        limit = settings.limits.output_export_bytes
        return write_notebook(done, resolve=blobs.resolve, output_export_bytes=limit), succeeded


@contextlib.contextmanager
def _own_folder(config: Path | None, data_dir: Path | None) -> Iterator[Settings]:
    """A host of this run alone, so that a server's host and this one never mind each other's runtimes.

    Only the images are shared, in the data folder.
    """
    # A scheduler's or a terminal's wish to end is as good as Ctrl+C: what was started is cleared away.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    base = load_settings(config, storage={"data_dir": data_dir or _default_data_dir()})
    scratch = Path(tempfile.mkdtemp(prefix="labora-run-"))
    settings = load_settings(
        config,
        storage={"data_dir": scratch, "images_dir": base.images_dir},
        runtimes={"base_uid": base.runtimes.base_uid + _UID_DISTANCE},
    )
    try:
        yield settings
    finally:
        asyncio.run(stop_host(settings))
        shutil.rmtree(scratch, ignore_errors=True)


def _default_data_dir() -> Path | None:
    """The working folder's ``data`` where there is one, else the user's own folder."""
    if Path("data").is_dir() or os.environ.get("LABORA_STORAGE__DATA_DIR"):
        return None
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "labora"


def _write(path: Path, data: bytes) -> None:
    """Writes all or nothing: a reader of ``path`` never sees half a notebook."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as scratch:
            scratch.write(data)
            scratch.flush()
            os.fsync(scratch.fileno())
        mask = os.umask(0)
        os.umask(mask)
        Path(scratch.name).chmod(0o666 & ~mask)
        Path(scratch.name).replace(path)
    except OSError as error:
        raise LaboraError(f"{path} cannot be written: {error.strerror}.", code="unwritable") from error


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _report(step: str | CellDone) -> None:
    if isinstance(step, str):
        _say(f"• {step}")
        return
    mark = "✓" if step.status == "ok" else "✗"
    _say(f"{mark} cell {step.index} of {step.total}, {step.seconds:.1f} s{f': {step.error}' if step.error else ''}")
