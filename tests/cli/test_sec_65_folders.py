"""What root does to folders that the unprivileged control plane writes (threat model, case 65)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labora.cli.serve import give_away


def test_sec_65_root_gives_away_nothing_beyond_a_planted_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state, outside = tmp_path / "state", tmp_path / "outside"
    for folder in (state / "blobs", outside):
        folder.mkdir(parents=True)
    for path in (state / "labora.db", state / "blobs" / "b", outside / "shadow", outside / "sudoers"):
        path.write_text("x")
    (state / "way").symlink_to(outside)
    (state / "blobs" / "file").symlink_to(outside / "shadow")
    (state / "name").hardlink_to(outside / "sudoers")
    given: set[str] = set()

    def place(descriptor: int) -> str:
        return os.path.realpath(f"/proc/self/fd/{descriptor}")

    def chown(name: str, uid: int, gid: int, *, dir_fd: int, follow_symlinks: bool) -> None:
        assert not follow_symlinks
        given.add(f"{place(dir_fd)}/{name}")

    monkeypatch.setattr(os, "fchown", lambda descriptor, uid, gid: given.add(place(descriptor)))
    monkeypatch.setattr(os, "chown", chown)
    give_away(state, os.geteuid() + 1)
    top = os.path.realpath(state)
    assert given == {top, f"{top}/blobs", f"{top}/labora.db", f"{top}/blobs/b"}
