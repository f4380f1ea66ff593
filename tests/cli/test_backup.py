"""``labora backup``, ``labora restore`` and ``labora user quota`` as an operator types them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from typer.testing import CliRunner

from labora.accounts import Accounts
from labora.base.settings import load_settings
from labora.cli import app
from labora.db import Database
from labora.testing.database import fresh


def data_folder(folder: Path) -> Path:
    """Makes a data folder with the account ann."""

    async def make() -> None:
        settings = load_settings(storage={"data_dir": folder})
        settings.state_dir.mkdir(parents=True)
        database = Database(settings.database_url)
        await fresh(database)
        accounts = Accounts(database, settings.accounts)
        secret = await accounts.ensure_setup_link()
        assert secret is not None
        await accounts.set_up(secret, name="Ann", login="ann", password="correct horse battery")
        await accounts.instance_id()
        await database.close()

    asyncio.run(make())
    return folder


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    text = str(getattr(result.exception, "message", "")) if result.exception else ""
    return result.exit_code, result.output + text


def test_backup_and_restore_by_command(tmp_path: Path) -> None:
    data = data_folder(tmp_path / "data")
    code, said = run("backup", tmp_path / "b.tar", "--data-dir", data)
    assert code == 0, said
    assert "0 blobs" in said
    code, said = run("restore", tmp_path / "b.tar", "--data-dir", tmp_path / "new")
    assert code == 0, said
    assert "ann" in run("user", "list", "--data-dir", tmp_path / "new")[1]
    code, said = run("restore", tmp_path / "b.tar", "--data-dir", data)
    assert code != 0
    assert "--force" in said
    code, said = run("backup", tmp_path / "nothing.tar", "--data-dir", tmp_path / "nowhere")
    assert code != 0
    assert "no Labora" in said


def test_quotas_by_command(tmp_path: Path) -> None:
    data = data_folder(tmp_path / "data")

    def quota(*arguments: str) -> tuple[int, str]:
        return run("user", "quota", "ann", *arguments, "--data-dir", data)

    assert "no limit" in quota()[1]
    assert "2.0 GB" in quota("2G")[1]
    assert "2.0 GB" in quota()[1]
    assert "no limit" in quota("none")[1]
    assert quota("inherit")[0] == 0
    assert quota("much")[0] != 0
    assert run("user", "quota", "--group", "nobody", "1G", "--data-dir", data)[0] != 0
