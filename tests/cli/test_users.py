"""The operator's commands, on a data folder made by the server's own code."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from labora.accounts import Accounts
from labora.base.settings import load_settings
from labora.db import Database
from labora.testing.database import fresh


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder with one owner."""
    settings = load_settings(storage={"data_dir": tmp_path})
    settings.state_dir.mkdir(parents=True)

    async def make() -> None:
        database = Database(settings.database_url)
        await fresh(database)
        await Accounts(database, settings.accounts).make_account(
            name="Ada", login="Ada@example.org", password="correct horse battery", is_owner=True
        )
        await database.close()

    asyncio.run(make())
    return tmp_path


def labora(*arguments: str, data_dir: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "labora.cli", *arguments, "--data-dir", str(data_dir)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_an_operator_lists_resets_and_invites(data_dir: Path) -> None:
    assert "ada@example.org" in labora("user", "list", data_dir=data_dir).stdout
    link = labora("user", "reset-link", "ada@example.org", data_dir=data_dir).stdout
    assert link.startswith("http://localhost:8000/reset#")
    assert labora("user", "invite", "Grace", data_dir=data_dir).stdout.startswith("http://localhost:8000/invite#")
    secret = link.strip().partition("#")[2]

    async def use() -> None:
        settings = load_settings(storage={"data_dir": data_dir})
        database = Database(settings.database_url)
        accounts = Accounts(database, settings.accounts)
        await accounts.reset_password(secret, "another horse battery")
        assert (await accounts.log_in("ada@example.org", "another horse battery")).account.name == "Ada"
        await database.close()

    asyncio.run(use())


def test_a_name_is_found_as_people_sign_in_with_it(data_dir: Path) -> None:
    settings = load_settings(storage={"data_dir": data_dir})

    async def make() -> None:
        database = Database(settings.database_url)
        await Accounts(database, settings.accounts).make_account(
            name="G", login="Groß", password="a horse of batteries"
        )
        await database.close()

    asyncio.run(make())
    assert labora("user", "reset-link", "GROß", data_dir=data_dir).stdout.startswith("http://localhost:8000/reset#")


def test_a_token_is_printed_once_and_works(data_dir: Path) -> None:
    made = labora("token", "make", "ada@example.org", "--scopes", "read", data_dir=data_dir)
    assert made.returncode == 0, made.stderr

    async def use() -> None:
        settings = load_settings(storage={"data_dir": data_dir})
        database = Database(settings.database_url)
        principal = await Accounts(database, settings.accounts).principal_of_token(made.stdout.strip())
        assert principal is not None
        assert {scope.value for scope in principal.scopes} == {"read"}
        await database.close()

    asyncio.run(use())


def test_mistakes_are_one_line(data_dir: Path, tmp_path: Path) -> None:
    unknown = labora("user", "reset-link", "nobody", data_dir=data_dir)
    assert (unknown.returncode, unknown.stderr.count("\n")) == (2, 1)
    empty = labora("user", "list", data_dir=tmp_path / "empty")
    assert (empty.returncode, empty.stderr.count("\n")) == (2, 1)
    assert not (tmp_path / "empty").exists()


def test_an_operator_makes_and_fills_groups(data_dir: Path) -> None:
    assert labora("group", "make", "Lab", data_dir=data_dir).returncode == 0
    assert labora("group", "add", "lab", "ada@example.org", "--manager", data_dir=data_dir).returncode == 0
    assert labora("group", "list", data_dir=data_dir).stdout.split() == ["Lab", "1"]
    assert labora("group", "list", "Lab", data_dir=data_dir).stdout.split() == ["ada@example.org", "Ada", "manager"]
    missing = labora("group", "remove", "Labs", "ada@example.org", data_dir=data_dir)
    assert missing.returncode == 2
    assert "labora group list" in missing.stderr
