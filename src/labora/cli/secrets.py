"""``labora secret``: secrets of accounts, for the operator of the machine, and the key that seals them."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labora.access import Principal
from labora.cli.options import Config, DataDir
from labora.cli.users import Login, find_account, with_database_of

if TYPE_CHECKING:
    from labora.base.settings import Settings
    from labora.db import Database
    from labora.secrets import Secrets

app = typer.Typer(help="Secrets of accounts, which their notebooks may be let read.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the secret.")]


@app.command("list")
def list_secrets(login: Login, config: Config = None, data_dir: DataDir = None) -> None:
    """Lists an account's secrets, without values."""

    async def work(secrets: Secrets, principal: Principal) -> None:
        for one in await secrets.all_of(principal):
            state = "" if one.readable else "its key is gone"
            print(f"{one.name:40} {one.updated_at[:10]} {len(one.notebooks):4} notebooks  {state}".rstrip())

    _with_secrets(config, data_dir, login, work)


@app.command("set")
def set_secret(login: Login, name: Name, config: Config = None, data_dir: DataDir = None) -> None:
    """Gives an account a secret; the value is asked for, or read from standard input."""
    value = typer.prompt("Value", hide_input=True) if sys.stdin.isatty() else sys.stdin.read().rstrip("\r\n")

    async def work(secrets: Secrets, principal: Principal) -> None:
        await secrets.put(principal, name, value)

    _with_secrets(config, data_dir, login, work)


@app.command("remove")
def remove_secret(login: Login, name: Name, config: Config = None, data_dir: DataDir = None) -> None:
    """Deletes a secret of an account; no notebook can read it any more."""

    async def work(secrets: Secrets, principal: Principal) -> None:
        await secrets.remove(principal, name)

    _with_secrets(config, data_dir, login, work)


@app.command("new-key")
def new_key(config: Config = None, data_dir: DataDir = None) -> None:
    """Seals every secret and token with a fresh key and throws the old one away. A server may run meanwhile."""

    async def work(database: Database, settings: Settings) -> None:
        from labora.db.sealing import Seal, seal_anew

        changed, lost = await seal_anew(database, Seal(settings.secret_key_file))
        print(f"• {changed} values are sealed with a new key in {settings.secret_key_file}. Back it up.")
        if lost:
            print(f"⚠ {lost} could not be opened with the old one and are given up.", file=sys.stderr)

    with_database_of(config, data_dir, work)


def _with_secrets(
    config: Path | None, data_dir: Path | None, login: str, work: Callable[[Secrets, Principal], Awaitable[None]]
) -> None:
    async def with_database(database: Database, settings: Settings) -> None:
        from labora.accounts import Accounts
        from labora.db.sealing import Seal
        from labora.secrets import Secrets

        account = await find_account(Accounts(database, settings.accounts), login)
        secrets = Secrets(database, Seal(settings.secret_key_file), settings.secrets)
        await work(secrets, Principal(account.id, account.name))

    with_database_of(config, data_dir, with_database)
