"""``labora runtime`` and ``labora policy``: what runs, and what may run, for the operator of the machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labora.accounts import Accounts
from labora.base.clock import SystemClock
from labora.base.errors import InvalidError, LaboraError
from labora.base.settings import Settings
from labora.cli.options import Config, DataDir
from labora.cli.users import find_account, operator, with_database_of
from labora.host.client import HostClient
from labora.runtimes.model import Runtime, time_in_words
from labora.runtimes.operator import active_runtimes, want_end, warm_runtimes
from labora.runtimes.policies import Policies
from labora.runtimes.policy import EVERYONE, PolicyRow, SubjectKind

if TYPE_CHECKING:
    from labora.db import Database

runtime_app = typer.Typer(help="Runtimes of all accounts.", no_args_is_help=True)
policy_app = typer.Typer(help="What runtimes may use, for everyone and for single accounts.", no_args_is_help=True)

Login = Annotated[str | None, typer.Argument(help="Sign-in name of an account; everyone when left out.")]
GB = 1024**3
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)", re.IGNORECASE)
_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": GB, "t": 1024**4}
_SPANS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
INHERIT = "inherit"


@runtime_app.command("list")
def list_runtimes(config: Config = None, data_dir: DataDir = None) -> None:
    """Lists every runtime that has not ended: whose it is, since when, and what it uses."""

    async def work(database: Database, settings: Settings) -> None:
        names = await _names(database, settings)
        host = HostClient(settings.run_dir / "host.sock")
        for runtime in await active_runtimes(database):
            print(await _line(runtime, names, host))
        if count := len(await _alive(host) & set(await warm_runtimes(database))):
            print(f"{count} more {'stands' if count == 1 else 'stand'} ready for whoever runs something next.")

    with_database_of(config, data_dir, work)


@runtime_app.command("end")
def end_runtime(
    runtime_id: Annotated[str, typer.Argument(help="Id from `labora runtime list`, or its beginning.")],
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Ends a runtime; its outputs are saved first, its account is told who did, and the audit log has it."""

    async def work(database: Database, settings: Settings) -> None:
        found = [one for one in await active_runtimes(database) if one.id.startswith(runtime_id)]
        if len(found) != 1:
            raise InvalidError(f"{len(found)} runtimes begin with '{runtime_id}'. `labora runtime list` shows them.")
        await want_end(database, SystemClock(), found[0].id, None)
        print("The server ends it within a few seconds; without one it ends with the next start.")

    with_database_of(config, data_dir, work)


@policy_app.command("list")
def list_policies(config: Config = None, data_dir: DataDir = None) -> None:
    """Lists what is set, for whom."""

    async def work(database: Database, settings: Settings) -> None:
        names = await _names(database, settings)
        for row in await Policies(database, settings.runtimes, SystemClock()).all():
            limits = {name: value for name, value in row.limits().items() if value is not None}
            print(f"{names.get(row.subject_id, row.subject_id) or 'everyone':32} {_words(limits)}")

    with_database_of(config, data_dir, work)


@policy_app.command("show")
def show_policy(login: Login = None, config: Config = None, data_dir: DataDir = None) -> None:
    """Prints what holds in effect."""

    async def work(database: Database, settings: Settings) -> None:
        policies = Policies(database, settings.runtimes, SystemClock())
        _, subject = await _subject(database, settings, login)
        holds = await policies.of(subject)
        for name in PolicyRow("everyone").limits():
            print(f"{name:16} {_word(name, getattr(holds, name))}")

    with_database_of(config, data_dir, work)


@policy_app.command("set")
def set_policy(
    login: Login = None,
    idle: Annotated[str | None, typer.Option(help="Ends after this long without use: 90m, 2h.")] = None,
    lifetime: Annotated[str | None, typer.Option(help="Ends after this long in any case: 12h, 2d.")] = None,
    memory: Annotated[str | None, typer.Option(help="Memory of a runtime: 4G.")] = None,
    cpus: Annotated[str | None, typer.Option(help="Processors of a runtime: 2, 0.5.")] = None,
    processes: Annotated[str | None, typer.Option(help="Processes of a runtime.")] = None,
    disk: Annotated[str | None, typer.Option(help="Disk of a runtime: 20G.")] = None,
    runtimes: Annotated[str | None, typer.Option(help="Runtimes at a time.")] = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Sets limits; "inherit" takes one back. Times hold at once, the rest from the next runtime on."""
    given = {
        "idle_timeout_s": _given(idle, _seconds),
        "max_lifetime_s": _given(lifetime, _seconds),
        "memory_bytes": _given(memory, _bytes),
        "cpus": _given(cpus, float),
        "processes": _given(processes, int),
        "disk_bytes": _given(disk, _bytes),
        "max_runtimes": _given(runtimes, int),
    }
    changes = {name: value[0] for name, value in given.items() if value is not None}
    if not changes:
        raise InvalidError("Name at least one limit; `labora policy set --help` lists them.")

    async def work(database: Database, settings: Settings) -> None:
        policies = Policies(database, settings.runtimes, SystemClock())
        kind, subject = await _subject(database, settings, login)
        await policies.set(replace(await policies.get(kind, subject), **changes), None)
        print(f"{login or 'everyone'}: {_words((await policies.get(kind, subject)).limits())}")

    with_database_of(config, data_dir, work)


@policy_app.command("clear")
def clear_policy(login: Login = None, config: Config = None, data_dir: DataDir = None) -> None:
    """Takes back everything that is set for an account, or for everyone."""

    async def work(database: Database, settings: Settings) -> None:
        kind, subject = await _subject(database, settings, login)
        await Policies(database, settings.runtimes, SystemClock()).set(PolicyRow(kind, subject), None)

    with_database_of(config, data_dir, work)


async def _names(database: Database, settings: Settings) -> dict[str, str]:
    accounts = await Accounts(database, settings.accounts).all_accounts(operator())
    return {account.id: account.login for account in accounts}


async def _subject(database: Database, settings: Settings, login: str | None) -> tuple[SubjectKind, str]:
    if login is None:
        return "everyone", EVERYONE
    return "account", (await find_account(Accounts(database, settings.accounts), login)).id


async def _alive(host: HostClient) -> set[str]:
    try:
        return {handle.runtime_id for handle in await host.list() if handle.alive}
    except LaboraError:
        return set()


async def _line(runtime: Runtime, names: Mapping[str, str], host: HostClient) -> str:
    since = runtime.started_at or runtime.created_at
    age = time_in_words((datetime.now(UTC) - since).total_seconds())
    try:
        meter = await host.meter(runtime.id)
        uses = f"{meter.memory_bytes / GB:.1f} of {meter.memory_limit / GB:.1f} GB, cpu {meter.cpu_seconds:.0f} s"
    except LaboraError:
        uses = "not measured"
    who = names.get(runtime.account_id, runtime.account_id)
    return f"{runtime.id}  {who:24} {runtime.image:12} {runtime.status:9} {age:12} {uses}"


def _given(text: str | None, read: Any) -> tuple[Any] | None:
    """Returns the value of an option in a tuple of one, with None for "inherit"; None for one that was left out."""
    if text is None:
        return None
    if text == INHERIT:
        return (None,)
    try:
        return (read(text),)
    except ValueError as error:
        raise InvalidError(f"'{text}' is no such value. Write 90m, 2h, 4G, 2 or {INHERIT}.") from error


def _seconds(text: str) -> float:
    return _scaled(_TIME, _SPANS, text)


def _bytes(text: str) -> int:
    return int(_scaled(_SIZE, _UNITS, text))


def _scaled(form: re.Pattern[str], units: Mapping[str, int], text: str) -> float:
    found = form.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    return float(found[1]) * units[found[2].lower()]


def _words(limits: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_word(name, value)}" for name, value in limits.items() if value is not None) or "nothing"


def _word(name: str, value: Any) -> str:
    if value is None:
        return "as the machine has it"
    if name.endswith("_s"):
        return time_in_words(value)
    return f"{value / GB:.1f} GB" if name.endswith("_bytes") else f"{value:g}"
