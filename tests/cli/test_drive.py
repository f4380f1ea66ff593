"""``labora drive`` and ``labora search`` against a real server."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from labora.testing.process import ServerProcess


async def labora(server: ServerProcess, *arguments: str, token: str | None = None) -> tuple[int, str, str]:
    environment = {
        **os.environ,
        "LABORA_URL": server.url,
        "LABORA_TOKEN": server.tokens["ada"] if token is None else token,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "labora.cli", *arguments,
        env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_files_go_up_are_listed_shared_and_come_back(tmp_path: Path, images_dir: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "inner").mkdir(parents=True)
    (tree / "it's.txt").write_bytes(b"needle\r\n")
    (tree / "inner" / "data.bin").write_bytes(bytes(range(256)) * 5000)
    async with ServerProcess(images_dir, {"LABORA_LOG__LEVEL": "warning"}) as server:
        await server.invite("bob")
        code, out, err = await labora(server, "drive", "put", str(tree), "--to", "from here/deep")
        assert code == 0, err
        assert len(out.splitlines()) == 2
        _, out, _ = await labora(server, "drive", "ls", "from here/deep/tree")
        assert out.splitlines() == ["inner/", "it's.txt"]
        _, out, _ = await labora(server, "drive", "ls", "-q", "name contains 'data' and mimeType contains 'octet'")
        assert out.splitlines() == ["data.bin"]

        back = tmp_path / "back"
        back.mkdir()
        code, _, err = await labora(server, "drive", "get", "from here/deep/tree", str(back))
        assert code == 0, err
        for path in ("it's.txt", "inner/data.bin"):
            assert (back / "tree" / path).read_bytes() == (tree / path).read_bytes()
        code, _, err = await labora(server, "drive", "get", "from here/deep/tree/it's.txt", str(back / "tree"))
        assert (code, "exists" in err) == (2, True)

        notebook = tmp_path / "waves.ipynb"
        notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
        await labora(server, "drive", "put", str(notebook))
        code, out, err = await labora(server, "drive", "get", "waves.ipynb", str(back), "--as", "html")
        assert (code, out.strip()) == (0, str(back / "waves.html")), err
        assert (back / "waves.html").read_text().startswith("<!doctype html>")
        code, _, err = await labora(server, "drive", "get", "waves.ipynb", str(back), "--as", "exe")
        assert (code, "html" in err) == (2, True)

        (tree / "it's.txt").write_bytes(b"zanzibar")
        code, _, err = await labora(server, "drive", "put", str(tree), "--to", "from here/deep", "--replace")
        assert code == 0, err
        code, _, _ = await labora(server, "drive", "get", "from here/deep/tree/it's.txt", str(back / "new.txt"))
        assert (back / "new.txt").read_bytes() == b"zanzibar"

        code, _, err = await labora(server, "drive", "share", "from here", "bob", "--role", "viewer")
        assert code == 0, err
        _, out, _ = await labora(server, "drive", "ls", "-q", "sharedWithMe", token=server.tokens["bob"])
        assert out.splitlines() == ["from here/"]

        for arguments, said in ((["ls", "nowhere"], "no nowhere"), (["ls", "-q", "name ="], "q, character 7")):
            code, _, err = await labora(server, "drive", *arguments)
            assert (code, said in err) == (2, True), err
        code, _, err = await labora(server, "drive", "ls", token="wrong")
        assert (code, "token" in err) == (2, True)

        code, out, err = await labora(server, "search", "rebuild", "--data-dir", str(server.data_dir))
        assert code == 0, err
        found = (await server.api().get("/search", params={"text": "zanzibar"})).json()["results"]
        assert [result["file"]["name"] for result in found] == ["it's.txt"]
        _, out, _ = await labora(server, "search", "state", "--data-dir", str(server.data_dir))
        assert out.endswith(", 0 waiting\n")


def test_without_a_token_it_says_where_to_get_one(capfd: pytest.CaptureFixture[str]) -> None:
    from labora.base.errors import InvalidError
    from labora.cli.drive import ls

    with pytest.raises(InvalidError, match="API tokens"):
        ls(token="")
