"""Which messages of a kernel are delivered together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from labora.kernels import inbox as module
from labora.kernels.inbox import Inbox
from labora.kernels.model import KernelMessage
from labora.testing.recorder import eventually


class Taken:
    """A sink that remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    async def __call__(self, messages: list[KernelMessage]) -> None:
        self.batches.append([message.type for message in messages])


@pytest.fixture
def taken() -> Taken:
    return Taken()


@pytest.fixture
async def inbox(taken: Taken) -> AsyncIterator[Inbox]:
    made = Inbox("k", 0, taken, lambda: None)
    made.resumed(1)
    yield made
    made.close()


def send(inbox: Inbox, n: int, kind: str, channel: str = "iopub") -> None:
    inbox.receive({"n": n, "e": "x", "ch": channel, "type": kind, "content": {}, "metadata": {}}, [], 10)


async def test_the_head_of_a_run_waits_for_what_the_run_does(
    inbox: Inbox, taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEAD_S", 60.0)
    send(inbox, 1, "execute_input")
    for _ in range(5):
        await asyncio.sleep(0)
    assert taken.batches == []
    send(inbox, 2, "execute_result")
    await eventually(lambda: taken.batches == [["execute_input", "execute_result"]])


async def test_a_head_alone_is_delivered_too(inbox: Inbox, taken: Taken) -> None:
    send(inbox, 1, "execute_input")
    await eventually(lambda: taken.batches == [["execute_input"]])
    send(inbox, 2, "stream")
    await eventually(lambda: taken.batches == [["execute_input"], ["stream"]])


async def test_a_flood_is_slowed_and_an_end_goes_past_it(taken: Taken) -> None:
    inbox = Inbox("k", 0, taken, lambda: None, interval_s=3600.0)
    inbox.resumed(1)
    try:
        for n in range(1, module.BURST + 1):
            send(inbox, n, "stream")
            await eventually(lambda n=n: len(taken.batches) == n)  # type: ignore[misc]
        send(inbox, module.BURST + 1, "stream")
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(taken.batches) == module.BURST
        # Only the agent says that a run ended: what a program calls so is output.
        send(inbox, module.BURST + 2, "done")
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(taken.batches) == module.BURST
        send(inbox, module.BURST + 3, "done", "agent")
        await eventually(lambda: taken.batches[module.BURST :] == [["stream", "done", "done"]])
    finally:
        inbox.close()


async def test_a_batch_ends_few_runs_at_a_time(inbox: Inbox, taken: Taken) -> None:
    for n in range(1, 3 * module.AWAITED_BATCH + 1):
        send(inbox, n, "done", "agent")
    await eventually(lambda: sum(map(len, taken.batches)) == 3 * module.AWAITED_BATCH)
    assert max(map(len, taken.batches)) == module.AWAITED_BATCH
