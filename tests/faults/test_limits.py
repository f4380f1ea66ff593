"""Every edge has a typed error that says what is wrong, and what was there before goes on."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pycrdt import Map, Text
from websockets.exceptions import InvalidStatus

from labora.testing.client import RoomClient
from labora.testing.process import ServerProcess, notebook_of

KIB = 1024
MIB = 1024 * KIB
UPLOAD = 600 * KIB
NOTEBOOK = 300 * KIB
CELLS = 20
DEPTH = 30
SOURCE = 16 * KIB
FRAME = 64 * KIB
STORED = 1 * MIB
OUTPUTS = 50
SMALL = {
    "LABORA_LIMITS__UPLOAD_BYTES": str(UPLOAD),
    "LABORA_LIMITS__NOTEBOOK_BYTES": str(NOTEBOOK),
    "LABORA_LIMITS__CELLS": str(CELLS),
    "LABORA_LIMITS__JSON_DEPTH": str(DEPTH),
    "LABORA_LIMITS__CELL_SOURCE_BYTES": str(SOURCE),
    "LABORA_LIMITS__FRAME_BYTES": str(FRAME),
    "LABORA_LIMITS__SYNC_FRAME_BYTES": str(4 * FRAME),
    "LABORA_LIMITS__OUTPUT_STORED_BYTES": str(STORED),
    "LABORA_LIMITS__OUTPUTS": str(OUTPUTS),
    "LABORA_RUNTIMES__MEMORY_BYTES": str(512 * MIB),
}

on_module = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small(images_dir: Path) -> AsyncIterator[ServerProcess]:
    """A server on which every limit is near."""
    async with ServerProcess(images_dir, SMALL) as running:
        yield running


async def refused(page: RoomClient) -> dict[str, Any]:
    """Waits until the page's last edit is refused, and returns what it is told."""
    await page.until(lambda: any(message["type"] == "update_refused" for message in page.control))
    return next(message for message in page.control if message["type"] == "update_refused")


async def works(server: ServerProcess, file_id: str) -> None:
    """The notebook still takes edits."""
    async with server.page(file_id).open() as page:
        page.type("a", "<still>")
        await page.until(lambda: page.unsaved == 0)


# -- files ------------------------------------------------------------------------------------------------------------


@on_module
async def test_a_file_over_the_upload_limit(small: ServerProcess) -> None:
    answer = await small.api().post("/files/upload", params={"name": "big.bin"}, content=b"x" * (UPLOAD + 1))
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"
    assert answer.json()["details"] == {"limit": UPLOAD, "actual": UPLOAD + 1}
    answer = await small.api().post("/files/upload", params={"name": "fits.bin"}, content=b"x" * UPLOAD)
    assert answer.status_code in (200, 201)


@on_module
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("large", {**notebook_of(a="1"), "metadata": {"filler": "x" * NOTEBOOK}}, f"{NOTEBOOK:,}"),
        ("cells", notebook_of(**{f"c{number}": "" for number in range(CELLS + 1)}), f"up to {CELLS}"),
        ("deep", {**notebook_of(a="1"), "metadata": {"x": json.loads("[" * DEPTH + "]" * DEPTH)}}, f"than {DEPTH}"),
        ("source", notebook_of(a="x" * (SOURCE + 1)), f"{SOURCE}"),
    ],
)
async def test_a_notebook_beyond_a_limit_is_kept_and_says_why(
    small: ServerProcess, name: str, content: dict[str, Any], says: str
) -> None:
    data = json.dumps(content).encode()
    file_id = await small.upload(data, f"{name}.ipynb")
    async with small.page(file_id).open() as page:
        assert says in page.welcome["read_only_reason"]
    assert (await small.api().get(f"/files/{file_id}/download")).content == data
    answer = await small.api().post(f"/files/{file_id}/executions", json={})
    assert answer.status_code == 403
    assert answer.json()["code"] == "read_only"


@on_module
async def test_a_notebook_at_the_limits_opens(small: ServerProcess) -> None:
    content = notebook_of(**{f"c{number}": "" for number in range(CELLS - 1)}, a="x" * SOURCE)
    file_id = await small.upload(content)
    async with small.page(file_id).open() as page:
        assert page.welcome["read_only_reason"] is None


# -- edits and frames -------------------------------------------------------------------------------------------------


@on_module
async def test_a_cell_that_grows_too_large(small: ServerProcess) -> None:
    file_id = await small.upload(notebook_of(a="", b="x" * SOURCE))
    async with small.page(file_id).open() as page:
        page.type("b", "y")
        assert (await refused(page))["code"] == "cell_too_large"
    await works(small, file_id)


@on_module
async def test_a_cell_too_many(small: ServerProcess) -> None:
    file_id = await small.upload(notebook_of(a="", **{f"c{number}": "" for number in range(CELLS - 2)}))
    async with small.page(file_id).open() as page:
        for number, taken in ((1, True), (2, False)):
            parts = {"source": Text(""), "kind": "code", "position": f"z{number}", "metadata": Map(), "extra": Map()}
            page.doc["cells"][f"new{number}"] = Map(parts)
            page.flush()
            if taken:
                await page.until(lambda: page.unsaved == 0)
        assert (await refused(page))["code"] == "too_many_cells"
    await works(small, file_id)


@on_module
async def test_an_edit_larger_than_a_frame(small: ServerProcess) -> None:
    file_id = await small.upload(notebook_of(a=""))
    async with small.page(file_id).open() as page:
        page.type("a", "<first>")
        await page.until(lambda: page.unsaved == 0)
        page.type("a", "x" * (FRAME + 1))
        refusal = await refused(page)
        assert refusal["code"] == "update_too_large"
        assert f"{FRAME:,}" in refusal["message"]
    await works(small, file_id)


@on_module
@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (b"\x00" + b'{"type":"ping","id":"' + b"x" * FRAME + b'"}', "too large"),
        (b"\x03" + b"{" + b" " * 9 * KIB + b"}", "too large"),
        (b"\x00" + b"[" * 1000 + b"]" * 1000, "not JSON"),
        (b"\x07?", "no lane"),
    ],
    ids=["control", "presence", "depth", "lane"],
)
async def test_a_frame_that_no_page_sends(small: ServerProcess, frame: bytes, says: str) -> None:
    file_id = await small.upload(notebook_of(a=""))
    async with small.page(file_id).open() as page, small.page(file_id).open() as other:
        page.send_frame(frame)
        await page.until(lambda: not page.connected)
        assert page.close_code == 4409
        assert says in page.close_reason
        assert (await other.command("ping"))["type"] == "ack"
    await works(small, file_id)


@on_module
async def test_a_frame_beyond_everything(small: ServerProcess) -> None:
    file_id = await small.upload(notebook_of(a=""))
    async with small.page(file_id).open() as page, small.page(file_id).open() as other:
        page.send_frame(b"\x02\x02" + b"x" * (5 * FRAME))
        await page.until(lambda: not page.connected)
        assert page.close_code == 1009, "message too big, as RFC 6455 has it"
        assert (await other.command("ping"))["type"] == "ack"


async def test_sec_74_an_account_has_no_more_pages_than_it_may(images_dir: Path) -> None:
    async with ServerProcess(images_dir, {"LABORA_LIMITS__SOCKETS_PER_ACCOUNT": "2"}) as server:
        await server.invite("bob")
        file_id = await server.upload(notebook_of(a=""))
        body = {"login": "bob", "role": "editor"}
        (await server.api().post(f"/files/{file_id}/permissions", json=body)).raise_for_status()
        async with server.page(file_id).open(), server.page(file_id).open() as second:
            with pytest.raises(InvalidStatus) as refused:
                await server.page(file_id).connect()
            assert refused.value.response.status_code == 429
            assert int(refused.value.response.headers["Retry-After"]) >= 1
            async with server.page(file_id, "bob").open():
                await second.disconnect()
            async with server.page(file_id).open() as third:
                assert (await third.command("ping"))["type"] == "ack"


# -- outputs ----------------------------------------------------------------------------------------------------------


@on_module
@pytest.mark.parametrize(
    "code",
    [
        f"for n in range({STORED // 500}):\n    print('x' * 999)\nprint('end')",
        f"from IPython.display import display\nfor n in range({OUTPUTS + 10}):\n    display(n)",
        f"from IPython.display import display\ndisplay({{'text/plain': 'x' * {2 * STORED}}}, raw=True)",
    ],
    ids=["text", "outputs", "value"],
)
async def test_output_beyond_what_a_cell_keeps(small: ServerProcess, code: str) -> None:
    file_id = await small.upload(notebook_of(a=code, b="print(6 * 7)"))
    async with small.page(file_id).open() as page:
        (key,) = await page.execute("a")
        assert (await page.finished(key))["status"] == "ok"
        outputs = page.state["cells"]["a"]["outputs"]
        assert len(outputs) <= OUTPUTS + 1
        assert outputs[-1]["output_type"] == "labora_notice"
        assert outputs[-1]["code"] == "output_cut"
        assert "not kept" in outputs[-1]["message"]
        assert await page.run("b") == "42\n"


@on_module
async def test_a_full_disk_in_the_runtime(small: ServerProcess) -> None:
    fill = "with open('/tmp/filler', 'wb') as file:\n    while True:\n        file.write(bytes(1 << 20))\n"
    loud = "for n in range(20000):\n    print('loud', n)\n"
    free = "import os\nos.remove('/tmp/filler')\nprint('free')"
    file_id = await small.upload(notebook_of(fill=fill, loud=loud, free=free))
    async with small.page(file_id).open() as page:
        (key,) = await page.execute("fill")
        assert (await page.finished(key))["status"] == "error"
        (error,) = [o for o in page.state["cells"]["fill"]["outputs"] if o["output_type"] == "error"]
        assert error["ename"] == "OSError"
        # Only root can give a runtime a disk of its own: an ordinary user's has a largest file instead.
        says = "No space left on device" if os.geteuid() == 0 else "File too large"
        assert says in error["evalue"]
        # The agent's own spool has no disk now, and loses nothing for it.
        text = await page.run("loud")
        assert text.endswith("loud 19999\n")
        assert await page.run("free") == "free\n"


# A root host without loop devices watches the disks of its runtimes, as an ordinary user's host does.
WITHOUT_LOOP_DEVICES = ["unshare", "-m", "sh", "-c", 'mount --bind /dev/null /dev/loop-control && exec "$@"', "sh"]
WRITER = """
import time
for number in range(400):
    with open(f"/content/{number}", "wb") as file:
        for _ in range(15):
            file.write(bytes(1 << 20))
    time.sleep(0.1)
"""
TIDY = "import os\nfor entry in os.scandir('/content'):\n    if entry.is_file(): os.remove(entry)\nprint('tidy')"


@pytest.mark.sandbox
async def test_a_kernel_that_writes_beyond_a_watched_disk_is_told_why_it_ended(images_dir: Path) -> None:
    few = {"LABORA_RUNTIMES__DISK_BYTES": str(256 * MIB), "LABORA_RUNTIMES__METER_INTERVAL_S": "0.5"}
    prefix = WITHOUT_LOOP_DEVICES if os.geteuid() == 0 else []
    async with ServerProcess(images_dir, few, prefix=prefix) as server:
        assert "disk_sampled" in {note.code for note in (await server.host.ping()).notes}
        started = f"import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', {WRITER!r}]).returncode)"
        cells = {"fill": WRITER, "tidy": TIDY, "started": started, "alive": "print('alive')"}
        file_id = await server.upload(notebook_of(**cells))
        async with server.page(file_id).open() as page:
            ended = await page.finished((await page.execute("fill"))[0])
            assert ended["status"] == "aborted"
            assert ended["reason"].startswith("Your runtime's disk is full (0.2 GB): the kernel was ended")
            (runtime,) = page.state["runtimes"].values()
            assert (runtime["status"], runtime["kernel"], runtime["reason"]) == ("ready", "dead", "disk")
            assert runtime["cell_id"] == "fill"
            assert await page.run("tidy") == "tidy\n"
            # A program that the kernel started is ended alone, and the meter has it.
            assert await page.run("started") == "-9\n"
            assert await page.run("alive") == "alive\n"
            await page.command("watch", on=True)
            await page.until(lambda: any(m["type"] == "meter" and m["meter"]["disk_kills"] == 2 for m in page.control))


# -- the server's disk ------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 200 MiB, in memory."""
    folder = Path(tempfile.mkdtemp(prefix="labora-disk-", dir="/tmp"))
    folder.chmod(0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m,mode=755", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    folder.rmdir()


def fill(folder: Path, leave: int) -> None:
    """Leaves this many bytes, while others may write too."""
    with (folder / "filler").open("ab") as file:
        for _ in range(100):
            free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize - leave
            if free <= 0:
                return
            # What was meanwhile taken by somebody else fails here and is counted anew.
            with contextlib.suppress(OSError):
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), free)
    raise AssertionError(f"{free} bytes stay free")


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
@pytest.mark.parametrize("leave", [32 * MIB, 0], ids=["nearly", "wholly"])
async def test_a_full_disk_of_the_server(images_dir: Path, small_disk: Path, leave: int) -> None:
    async with ServerProcess(images_dir, data_dir=small_disk / "data") as server:
        file_id = await server.upload(notebook_of(a="", run="print(6 * 7)"))
        async with server.page(file_id).open() as page:
            page.type("a", "<before>")
            await page.until(lambda: page.unsaved == 0)
            assert await page.run("run") == "42\n"
            pid = server.pid
            fill(small_disk, leave)
            page.type("a", "<while>")
            await page.until(lambda: any(m["type"] == "storage" and not m["ok"] for m in page.control))
            told = next(m for m in page.control if m["type"] == "storage")
            assert "full" in told["message"]
            assert page.acked == ["<before>"], "nothing is acknowledged that is not kept"
            await reading_works(server, file_id)
            answer = await server.api().post("/files/upload", params={"name": "x.bin"}, content=b"x")
            assert answer.status_code == 503
            assert answer.json()["code"] == "storage_full"
            (small_disk / "filler").unlink()
            await page.until(lambda: page.unsaved == 0)
            assert page.acked == ["<before>", "<while>"]
            assert [m["ok"] for m in page.control if m["type"] == "storage"] == [False, True]
            assert await page.run("run") == "42\n"
        assert server.alive
        assert server.pid == pid
        async with server.page(file_id).open() as page:
            assert page.source("a") == "<before><while>"


async def reading_works(server: ServerProcess, file_id: str) -> None:
    """While the disk is full: lists, downloads and newly opened pages show everything that was acknowledged."""
    async with server.page(file_id).open() as reader:
        assert "<before>" in reader.source("a")
        assert "<while>" not in reader.source("a")
        assert reader.text("run") == "42\n"
        assert any(m["type"] == "storage" and not m["ok"] for m in reader.control)
    answer = await server.api().get("/files", params={"folder": "root"})
    assert answer.status_code == 200
    file = await server.download(file_id)
    assert "<before>" in "".join(file["cells"][0]["source"])
