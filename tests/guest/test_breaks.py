"""Streams of the agent: what a break leaves behind."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from labora.testing.providers import guest_path

sys.path.insert(0, str(guest_path()))

from labora_guest import streams


async def test_an_upload_that_is_cut_off_while_it_opens_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    class Slow(streams.FileSink):
        def __init__(self, args: dict[str, Any]) -> None:
            super().__init__(args)
            begun.set()
            go_on.wait(60)

    monkeypatch.setenv("LABORA_CONTENT", str(tmp_path))
    monkeypatch.setattr(streams, "FileSink", Slow)
    opened = streams.Streams(lambda _frame: None, lambda: None, int)
    opening = asyncio.ensure_future(opened.open({"stream_id": "s", "kind": "write", "path": "/content/file"}))
    await asyncio.to_thread(begun.wait, 60)
    assert len(list(tmp_path.iterdir())) == 1
    opening.cancel()
    await asyncio.gather(opening, return_exceptions=True)
    go_on.set()
    await asyncio.get_running_loop().shutdown_default_executor()
    await asyncio.sleep(0)
    assert list(tmp_path.iterdir()) == []
