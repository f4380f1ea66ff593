"""``labora user`` and ``labora token``: for the operator of the machine, also when nobody can sign in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labora.access import Principal
from labora.accounts import Accounts
from labora.accounts.base import clean_login
from labora.accounts.model import Account
from labora.base.errors import NotFoundError
from labora.base.settings import Settings
from labora.cli.options import Config, DataDir, settings_for
from labora.cli.serve import app_url

if TYPE_CHECKING:
    from labora.db import Database

user_app = typer.Typer(help="Accounts of a data folder.", no_args_is_help=True)
token_app = typer.Typer(help="API tokens of accounts.", no_args_is_help=True)

Login = Annotated[str, typer.Argument(help="Sign-in name of the account.")]


@user_app.command("list")
def list_users(config: Config = None, data_dir: DataDir = None) -> None:
    """Lists every account."""

    async def work(accounts: Accounts, settings: Settings) -> None:
        for account in await accounts.all_accounts(operator()):
            state = "owner" if account.is_owner else "disabled" if account.disabled_at else ""
            print(f"{account.login:32} {account.name:32} {account.created_at[:10]} {state}".rstrip())

    with_accounts(config, data_dir, work)


@user_app.command("invite")
def invite(
    label: Annotated[str, typer.Argument(help="For whom, as a reminder.")] = "",
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Prints a link with which one person makes an account."""

    async def work(accounts: Accounts, settings: Settings) -> None:
        _, secret = await accounts.invite(operator(), label)
        print(f"{app_url(settings)}/invite#{secret}")

    with_accounts(config, data_dir, work)


@user_app.command("reset-link")
def reset_link(login: Login, config: Config = None, data_dir: DataDir = None) -> None:
    """Prints a link with which the account's person sets a new password, once."""

    async def work(accounts: Accounts, settings: Settings) -> None:
        account = await find_account(accounts, login)
        print(f"{app_url(settings)}/reset#{await accounts.reset_link(operator(), account.id)}")

    with_accounts(config, data_dir, work)


@token_app.command("make")
def make_token(
    login: Login,
    label: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    scopes: Annotated[str, typer.Option(help="Of read, write, run; comma between.")] = "read,write,run",
    days: Annotated[int | None, typer.Option(help="Days until it expires; for ever when left out.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Prints a new API token of an account, shown this once."""

    async def work(accounts: Accounts, settings: Settings) -> None:
        account = await find_account(accounts, login)
        asker = Principal(account.id, account.name)
        _, secret = await accounts.make_token(asker, label=label, scopes=scopes.split(","), expires_days=days)
        print(secret)

    with_accounts(config, data_dir, work)


def operator() -> Principal:
    """Whoever can read the data folder may do what the owner may."""
    return Principal(None, "operator", is_owner=True)


async def find_account(accounts: Accounts, login: str) -> Account:
    """Returns the account of a sign-in name. Raises NotFoundError."""
    for account in await accounts.all_accounts(operator()):
        if account.login == clean_login(login):
            return account
    raise NotFoundError(f"There is no account {login}. `labora user list` shows those that exist.")


def with_accounts(
    config: Path | None, data_dir: Path | None, work: Callable[[Accounts, Settings], Awaitable[None]]
) -> None:
    """Runs ``work`` with the accounts of a data folder, beside a server that may run on it."""

    async def with_database(database: Database, settings: Settings) -> None:
        await work(Accounts(database, settings.accounts), settings)

    with_database_of(config, data_dir, with_database)


def with_database_of(
    config: Path | None, data_dir: Path | None, work: Callable[[Database, Settings], Awaitable[None]]
) -> None:
    """Opens the database of a data folder, beside a server that may run on it, and runs ``work`` with it."""
    from labora.db import Database, migrate

    settings = settings_for(config, data_dir)
    if settings.storage.database_url is None and not (settings.state_dir / "labora.db").exists():
        raise NotFoundError(f"There is no Labora in {settings.storage.data_dir}. Name its folder with --data-dir.")

    async def run() -> None:
        database = Database(settings.database_url)
        try:
            await migrate(database)
            await work(database, settings)
        finally:
            await database.close()

    asyncio.run(run())
