"""``labora group``: for the operator of the machine. A server that runs takes changes into account within a minute."""

from __future__ import annotations

from typing import Annotated

import typer

from labora.accounts import Accounts
from labora.accounts.groups import Group
from labora.base.errors import NotFoundError
from labora.base.settings import Settings
from labora.base.text import folded
from labora.cli.options import Config, DataDir
from labora.cli.users import find_account, operator, with_accounts

app = typer.Typer(help="Groups of accounts that things are shared with.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the group.")]
Logins = Annotated[list[str], typer.Argument(help="Sign-in names of accounts.")]


@app.command("list")
def list_groups(
    name: Annotated[str, typer.Argument(help="Lists the members of this group.")] = "",
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Lists every group, or who belongs to one."""

    async def work(accounts: Accounts, settings: Settings) -> None:
        if not name:
            for group in await accounts.groups(operator(), limit=100_000):
                print(f"{group.name:40} {group.members:>6}")
            return
        _, members = await accounts.group(operator(), (await find_group(accounts, name)).id)
        for member in members:
            print(f"{member.login:32} {member.name:32} {'manager' if member.is_manager else ''}".rstrip())

    with_accounts(config, data_dir, work)


@app.command("make")
def make(name: Name, config: Config = None, data_dir: DataDir = None) -> None:
    """Makes an empty group."""

    async def work(accounts: Accounts, settings: Settings) -> None:
        await accounts.make_group(operator(), name)

    with_accounts(config, data_dir, work)


@app.command("rename")
def rename(
    name: Name,
    to: Annotated[str, typer.Argument(help="The new name.")],
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Renames a group."""

    async def work(accounts: Accounts, settings: Settings) -> None:
        await accounts.rename_group(operator(), (await find_group(accounts, name)).id, to)

    with_accounts(config, data_dir, work)


@app.command("delete")
def delete(name: Name, config: Config = None, data_dir: DataDir = None) -> None:
    """Ends a group, with everything that was shared with it."""

    async def work(accounts: Accounts, settings: Settings) -> None:
        await accounts.delete_group(operator(), (await find_group(accounts, name)).id)

    with_accounts(config, data_dir, work)


@app.command("add")
def add(
    name: Name,
    logins: Logins,
    manager: Annotated[bool, typer.Option("--manager", help="They may add and remove members.")] = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Puts accounts into a group, or says whether they manage it."""

    async def work(accounts: Accounts, settings: Settings) -> None:
        group = await find_group(accounts, name)
        for login in logins:
            account = await find_account(accounts, login)
            await accounts.put_member(operator(), group.id, account.id, is_manager=manager)

    with_accounts(config, data_dir, work)


@app.command("remove")
def remove(name: Name, logins: Logins, config: Config = None, data_dir: DataDir = None) -> None:
    """Takes accounts out of a group."""

    async def work(accounts: Accounts, settings: Settings) -> None:
        group = await find_group(accounts, name)
        for login in logins:
            account = await find_account(accounts, login)
            await accounts.remove_member(operator(), group.id, account.id)

    with_accounts(config, data_dir, work)


async def find_group(accounts: Accounts, name: str) -> Group:
    """Returns the group of a name. Raises NotFoundError."""
    for group in await accounts.groups(operator(), name, limit=100_000):
        if folded(group.name) == folded(name.strip()):
            return group
    raise NotFoundError(f"There is no group {name}. `labora group list` shows those that exist.")
