"""What ``labora serve`` makes sure of before it serves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from labora.base.errors import InvalidError
from labora.base.settings import load_settings
from labora.cli.serve import take_folder

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
