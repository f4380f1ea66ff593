"""The command line. Commands import lazily, so that ``labora --help`` is quick."""

from __future__ import annotations

import sys

import typer

from labora.base.errors import LaboraError
from labora.cli import (
    backup,
    datasets,
    doctor,
    drive,
    groups,
    images,
    quota,
    run,
    runtimes,
    search,
    secrets,
    serve,
    users,
)

app = typer.Typer(
    name="labora",
    help="An open Colaboratory that anyone can host.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("stop")(serve.stop)
app.command("run")(run.run)
app.command("doctor")(doctor.doctor)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
users.user_app.command("quota")(quota.quota)
app.add_typer(users.user_app, name="user")
app.add_typer(users.token_app, name="token")
app.add_typer(groups.app, name="group")
app.add_typer(images.app, name="image")
app.add_typer(datasets.app, name="dataset")
app.add_typer(drive.app, name="drive")
app.add_typer(search.app, name="search")
app.add_typer(secrets.app, name="secret")
app.add_typer(runtimes.runtime_app, name="runtime")
app.add_typer(runtimes.policy_app, name="policy")


def main() -> None:
    """Runs a command; an expected failure is one line on standard error and exit code 2."""
    try:
        app()
    except LaboraError as error:
        print(f"✗ {error.message}", file=sys.stderr)
        sys.exit(2)
