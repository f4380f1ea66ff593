"""What ``labora serve`` makes sure of before it serves."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from labora.base.errors import InvalidError
from labora.base.settings import load_settings
from labora.cli.serve import listen, take_folder

HOLDER = """
import sys
from pathlib import Path
from labora.base.settings import load_settings
from labora.cli.serve import take_folder
take_folder(load_settings(storage={"data_dir": Path(sys.argv[1])}))
print("taken", flush=True)
sys.stdin.read()
"""


def test_one_data_folder_is_served_by_one_server(tmp_path: Path) -> None:
    settings = load_settings(storage={"data_dir": tmp_path})
    settings.state_dir.mkdir()
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"taken\n"
        with pytest.raises(InvalidError, match="--data-dir") as refused:
            take_folder(settings)
        assert refused.value.error_code == "data_dir_taken"
        first.kill()
    # Nothing is left of it, however it ended.
    take_folder(settings)


@pytest.mark.parametrize("text", [b"x = [", b"\xff\xfe", b"[server]\nport = 'a'", b"[server]\nprot = 1"])
def test_a_file_of_settings_that_is_wrong_is_named(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "labora.toml"
    path.write_bytes(text)
    with pytest.raises(InvalidError) as refused:
        load_settings(path)
    assert refused.value.error_code == "bad_setting"


async def test_what_is_sent_to_a_page_does_not_wait_for_its_acknowledgement(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = load_settings(storage={"data_dir": tmp_path}, server={"port": port})
    undelayed = asyncio.get_running_loop().create_future()

    async def accepted(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        undelayed.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(accepted, sock=listen(settings)):
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await undelayed
        writer.close()
