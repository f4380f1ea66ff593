"""How often a notebook that changes all the time is saved."""

from __future__ import annotations

from typing import Any

import pytest


async def revisions(house: Any, file_id: str) -> int:
    return len((await house.drive.history.page(house.ada, file_id)).revisions)


async def test_a_notebook_that_changes_while_it_is_saved_is_saved_once_an_interval(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = await house.notebook("x")
    async with house.page(file_id) as page:
        page.type("c0", "a")
        await page.settle()
        before = await revisions(house, file_id)
        page.room.dirty_since = -1e9
        document = page.room.document
        write = document.to_notebook

        def typed_meanwhile(*arguments: Any) -> Any:
            page.room.mark_changed(None)
            return write(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(document, "to_notebook", typed_meanwhile)
            await house.rooms.keep()
        assert await revisions(house, file_id) == before + 1
        # Half a second later, with the interval only just begun:
        await house.rooms.keep()
        assert await revisions(house, file_id) == before + 1
        assert page.room.dirty_since is not None, "what changed meanwhile is still to be saved"
        page.room.dirty_at = -1e9
        await house.rooms.keep()
        assert await revisions(house, file_id) == before + 2
        assert page.room.dirty_since is None
