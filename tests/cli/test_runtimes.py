"""``labora policy`` and ``labora runtime`` on a data folder without a server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from labora.accounts import Accounts
from labora.base.clock import SystemClock
from labora.base.settings import load_settings
from labora.db import Database
from labora.runtimes import store
from labora.runtimes.model import ExitReason, Runtime, Shape
from labora.runtimes.policies import Policies
from labora.testing.database import fresh


def labora(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "labora.cli", *arguments, "--data-dir", str(data_dir)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder with an account that has a runtime."""
    settings = load_settings(storage={"data_dir": tmp_path})
    settings.state_dir.mkdir(parents=True)

    async def make() -> None:
        database = Database(settings.database_url)
        await fresh(database)
        account = await Accounts(database, settings.accounts).make_account(
            name="Ada", login="ada", password="correct horse battery", is_owner=True
        )
        runtime = Runtime(
            "abcdef", account.id, "sandbox", "python", Shape(1 << 30, 1.0, 64), "running", "starting", 1,
            datetime.now(UTC), "key",
        )  # fmt: skip
        async with database.transaction() as connection:
            await store.add(connection, runtime)
        await database.close()

    asyncio.run(make())
    return tmp_path


def test_policies_are_set_shown_and_taken_back(data_dir: Path) -> None:
    assert labora(data_dir, "policy", "set", "--idle", "2h", "--cpus", "1.5").returncode == 0
    made = labora(data_dir, "policy", "set", "ada", "--memory", "8G", "--lifetime", "2d", "--runtimes", "1")
    assert "memory_bytes 8.0 GB" in made.stdout
    shown = labora(data_dir, "policy", "show", "ada").stdout
    for line in ("idle_timeout_s   2 hours", "max_lifetime_s   2 days", "cpus             1.5", "max_runtimes     1"):
        assert line in shown
    assert "ada" in labora(data_dir, "policy", "list").stdout
    assert labora(data_dir, "policy", "set", "ada", "--memory", "inherit").returncode == 0
    assert "memory_bytes     4.0 GB" in labora(data_dir, "policy", "show", "ada").stdout
    assert labora(data_dir, "policy", "clear", "ada").returncode == 0
    assert "ada" not in labora(data_dir, "policy", "list").stdout

    async def holds() -> float:
        settings = load_settings(storage={"data_dir": data_dir})
        database = Database(settings.database_url)
        found = await Policies(database, settings.runtimes, SystemClock()).of("anybody")
        await database.close()
        return found.idle_timeout_s

    assert asyncio.run(holds()) == 7200


@pytest.mark.parametrize("words", [["--idle", "soon"], ["--memory", "1"], [], ["nobody", "--cpus", "1"]])
def test_what_makes_no_sense_is_refused_with_a_sentence(data_dir: Path, words: list[str]) -> None:
    refused = labora(data_dir, "policy", "set", *words)
    assert refused.returncode == 2
    assert refused.stderr.startswith("✗ ")
    assert "Traceback" not in refused.stderr


def test_the_operator_lists_and_ends_a_runtime(data_dir: Path) -> None:
    listed = labora(data_dir, "runtime", "list").stdout
    assert listed.startswith("abcdef  ada")
    assert labora(data_dir, "runtime", "end", "abc").returncode == 0
    assert labora(data_dir, "runtime", "end", "zzz").returncode == 2

    async def reason() -> tuple[str, ExitReason | None]:
        database = Database(load_settings(storage={"data_dir": data_dir}).database_url)
        async with database.read() as connection:
            found = await store.get(connection, "abcdef")
        await database.close()
        assert found is not None
        return found.desired, found.exit_reason

    assert asyncio.run(reason()) == ("ended", ExitReason.OWNER)
