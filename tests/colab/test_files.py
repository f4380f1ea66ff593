"""Uploads, downloads and what is said when nobody is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def page(agent: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Files that somebody chooses in the page, which puts them into the folder that it is told."""
    monkeypatch.chdir(tmp_path)
    chosen: dict[str, bytes] = {}

    def upload(content: dict[str, Any]) -> Any:
        assert list(Path(content["folder"]).iterdir()) == []
        for name, data in chosen.items():
            (Path(content["folder"]) / name).write_bytes(data)
        return {"ok": True, "value": [{"name": name, "size": len(data)} for name, data in chosen.items()]}

    agent.answers["upload"] = upload
    return chosen


def test_chosen_files_lie_in_the_folder_and_are_returned(
    page: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    from google.colab import files

    page |= {"a.csv": b"1,2", "b": b"\0"}
    assert files.upload() == {"a.csv": b"1,2", "b": b"\0"}
    assert capsys.readouterr().out == "Saving a.csv to a.csv\nSaving b to b\n"
    page.pop("b")
    page["a.csv"] = b"new"
    assert files.upload() == {"a (1).csv": b"new"}
    assert list(files.upload()) == ["a (2).csv"]
    assert capsys.readouterr().out == "Saving a.csv to a (1).csv\nSaving a.csv to a (2).csv\n"
    assert files.upload("in/here") == {"in/here/a.csv": b"new"}
    assert sorted(str(path) for path in Path().rglob("*")) == [
        "a (1).csv", "a (2).csv", "a.csv", "b", "in", "in/here", "in/here/a.csv"
    ]  # fmt: skip


def test_one_file_under_a_name_of_its_own(page: dict[str, bytes], agent: Any) -> None:
    from google.colab import files

    Path("here").write_bytes(b"old")
    page["there.bin"] = b"new"
    assert files.upload_file("here") == "here"
    assert Path("here").read_bytes() == b"new"
    assert agent.asked[-1]["content"]["multiple"] is False
    page.clear()
    with pytest.raises(FileNotFoundError, match="No file was chosen"):
        files.upload_file("here")
    assert files.upload() == {}
    agent.refuses("upload", "cancelled")
    assert files.upload() == {}


def test_names_from_the_page_reach_no_other_folder(page: dict[str, bytes], agent: Any, tmp_path: Path) -> None:
    from google.colab import files

    (tmp_path / "mine").write_text("kept")
    agent.says("upload", [{"name": "../mine", "size": 4}, {"name": "/etc/passwd", "size": 1}, {"name": ""}, "x", {}])
    assert files.upload() == {}
    assert (tmp_path / "mine").read_text() == "kept"


def test_downloads_name_a_file_that_the_page_can_reach(agent: Any, tmp_path: Path) -> None:
    from google.colab import files

    agent.says("download", None)
    with pytest.raises(FileNotFoundError, match="Cannot find file: nothing"):
        files.download("nothing")
    with pytest.raises(IsADirectoryError, match="make_archive"):
        files.download(str(tmp_path))
    name = Path(__file__).parent / "conftest.py"
    files.download(str(name))
    given = Path(agent.asked[-1]["content"]["path"])
    assert given.name == "conftest.py"
    assert given.read_bytes() == name.read_bytes()
    assert str(given).startswith(("/tmp/", "/root/", "/content/"))


def test_a_run_in_the_background_goes_on(agent: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from google.colab import files

    (tmp_path / "model").write_bytes(b"1")
    agent.refuses("download", "nobody_asked")
    files.download(str(tmp_path / "model"))
    assert "no page of yours is open" in capsys.readouterr().err
    agent.says("view", None)
    files.view(str(tmp_path))
    assert agent.asked[-1]["content"] == {"path": str(tmp_path.resolve())}
