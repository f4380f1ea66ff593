"""Mounts over deaths: of daemon, server, host and runtime. Threat model: 65, 76 to 79, F26, F30."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from pathlib import Path

import pytest

from labora.base.errors import ConflictError, InvalidError, NotFoundError
from labora.host.unix import connect_unix
from tests.mount.conftest import TARGET
from tests.mount.test_files import HOME, fails, listed, named

pytestmark = pytest.mark.sandbox


async def daemon(world):
    (mounted,) = await world.host.client.mounts()
    return mounted


async def works(world, guest, text="x"):
    async def reads():
        answer = await guest.ask(f"print(open('{HOME}/in.txt').read())")
        return answer["error"] is None and answer["out"].strip() == text

    await world.until(reads)


async def test_sec_79_a_mount_outlives_its_daemon(world):
    await world.upload(world.ann, "in.txt", b"x")
    guest = await world.mounted()
    # Written and synced, but not closed, when the daemon dies.
    await guest.run(
        f"import os; os.log = open('{HOME}/log', 'w'); os.log.write('kept'); os.log.flush(); os.fsync(os.log.fileno())",
        fork=False,
    )
    before = await daemon(world)
    os.kill(before.pid, signal.SIGKILL)
    await works(world, guest)
    assert (await daemon(world)).pid != before.pid
    failed = await fails(guest, "os.log.write('y'); os.log.flush()", fork=False)
    assert failed in ("ENOTCONN", "ECONNABORTED", "EIO")

    async def kept():
        view = await named(world, "log")
        return view is not None and await world.content(world.ann, view.id) == b"kept"

    await world.until(kept)


async def test_a_mount_outlives_the_server_and_the_host(world):
    await world.upload(world.ann, "in.txt", b"x")
    guest = await world.mounted()
    await guest.run(f"import os; os.log = open('{HOME}/log', 'w'); os.log.write('before'); os.log.flush()", fork=False)
    before = await daemon(world)
    await world.mounts.close()
    world.host.kill()
    await guest.run("os.log.write(' after'); os.log.flush()".replace("os.log", "__import__('os').log"), fork=False)
    await world.host.start()
    await world.serve()
    await works(world, guest)
    assert (await daemon(world)).pid == before.pid
    await guest.run("import os; os.log.close()", fork=False)
    assert await world.mounts.unmount("ann", "rt", TARGET) == []
    assert await world.content(world.ann, (await named(world, "log")).id) == b"before after"


async def test_what_a_runtime_wrote_is_saved_although_it_was_killed(world):
    guest = await world.mounted()
    await guest.run(f"import os; os.log = open('{HOME}/log', 'w'); os.log.write('all'); os.log.flush()", fork=False)
    pid = (await daemon(world)).pid
    await world.host.client.kill("rt")
    del world.owners["rt"]

    async def saved():
        view = await named(world, "log")
        return view is not None and await world.content(world.ann, view.id) == b"all"

    await world.until(saved)
    await world.until(lambda: gone(pid))
    assert await world.host.client.mounts() == []


async def test_what_one_mount_of_a_runtime_wrote_outlives_another_of_it(world):
    guest = await world.mounted()
    await guest.run("import os; os.makedirs('/content/second')")
    await world.mounts.mount("ann", "rt", "/content/second")
    await guest.run(
        f"import os; os.log = open('{HOME}/log', 'w'); os.log.write('all'); os.fsync(os.log.fileno())", fork=False
    )
    # The host alone takes the second one away: the server finds out, and looks at what it had left.
    second = world.mounts._servers["rt", "/content/second"]
    await world.host.client.unmount("rt", "/content/second")
    await asyncio.wait_for(second.task, 90)
    await guest.run("import os; os.log.write(' of it'); os.log.close()", fork=False)
    assert await world.mounts.unmount("ann", "rt", TARGET) == []
    assert await world.content(world.ann, (await named(world, "log")).id) == b"all of it"


async def gone(pid):
    return not Path(f"/proc/{pid}/stat").exists()


@pytest.mark.parametrize("target", ["/content/../etc", "content/drive", "/content/my drive", "/content/./x", "/a\nb"])
async def test_sec_79_mount_points_that_make_no_sense_are_refused(world, target):
    await world.runtime()
    with pytest.raises(InvalidError):
        await world.mounts.mount("ann", "rt", target)


async def test_sec_79_links_files_and_filled_folders_are_no_mount_points(world):
    guest = await world.runtime()
    await guest.run("""
        import os
        os.makedirs('/content/filled/x')
        os.symlink('/etc', '/content/link')
        os.makedirs('/content/real/below')
        os.symlink('/content/real', '/content/through')
        open('/content/file', 'w').close()
    """)
    with pytest.raises(ConflictError):
        await world.mounts.mount("ann", "rt", "/content/filled")
    for target in ("/content/link", "/content/through/below", "/content/file", "/content/missing"):
        with pytest.raises(NotFoundError):
            await world.mounts.mount("ann", "rt", target)
    assert await world.host.client.mounts() == []


async def test_sec_79_the_mount_has_no_powers_and_the_runtime_cannot_take_it_away(world):
    guest = await world.mounted()
    options = await guest.run(f"""
        for line in open('/proc/self/mountinfo'):
            if line.split()[4] == {TARGET!r}:
                print(line)
    """)
    assert "nosuid" in options
    assert "nodev" in options
    assert await fails(guest, f"os.rename('{TARGET}', '/content/other')") == "EBUSY"
    assert await fails(guest, f"os.rmdir('{TARGET}')") == "EBUSY"
    assert await guest.run("import ctypes; print(ctypes.CDLL(None).umount2(b'/content/drive', 2))") == "-1"
    assert await fails(guest, f"os.mknod('{HOME}/device', 0o20666, os.makedev(1, 3))") in ("EPERM", "none")
    assert await named(world, "device") is None


async def test_sec_78_only_the_runtimes_own_account_gets_a_mount(world):
    guest = await world.runtime("ann")
    await guest.run(f"import os; os.makedirs({TARGET!r})")
    with pytest.raises(NotFoundError):
        await world.mounts.mount("bob", "rt", TARGET)
    await world.mounts.mount("ann", "rt", TARGET)
    with pytest.raises(NotFoundError):
        await world.mounts.unmount("bob", "rt", TARGET)
    world.disabled.add("ann")

    async def refused():
        return await fails(guest, f"os.listdir('{HOME}')") == "EACCES"

    await world.until(refused)


async def test_sec_78_a_daemon_is_no_way_to_other_accounts(world):
    """What the connection of one mount can ask is bounded by its account, whatever the daemon says."""
    secret = await world.upload(world.bob, "secret.txt", b"bob's")
    await world.mounted()
    server = next(iter(world.mounts._servers.values()))
    verbs = server._verbs
    for verb, args in {
        "open": {"id": secret.id}, "trash": {"id": secret.id}, "rename": {"id": secret.id, "name": "mine", "to": None},
        "replace": {"id": secret.id, "over": secret.id},
    }.items():  # fmt: skip
        with pytest.raises(NotFoundError):
            [part async for part in verbs.answer(verb, args)]
    rows = [part async for part in verbs.answer("stat", {"ids": [secret.id]})]
    assert rows[0][0][0] == {"rows": {}}
    assert await world.content(world.bob, secret.id) == b"bob's"
    # The daemon's own socket is closed to everybody else, and it holds no file of the server.
    mounted = await daemon(world)
    assert Path(mounted.socket).stat().st_mode & 0o077 == 0
    held = [str(link.readlink()) for link in Path(f"/proc/{mounted.pid}/fd").iterdir()]
    assert not [path for path in held if "sqlite" in path or "/blobs/" in path]
    if os.geteuid() == 0:
        uids = [
            line
            for line in Path(f"/proc/{mounted.pid}/status").read_text().splitlines()
            if line.startswith(("Uid", "CapEff"))
        ]
        assert "\t0\t" not in uids[0]
        assert int(uids[1].split()[1], 16) == 0


async def test_a_daemon_of_a_read_only_mount_can_change_nothing(world):
    mine = await world.upload(world.ann, "mine.txt", b"x")
    await world.mounted(readonly=True)
    verbs = next(iter(world.mounts._servers.values()))._verbs
    for verb, args in {
        "trash": {"id": mine.id}, "rename": {"id": mine.id, "name": "other", "to": None}, "commit": {"items": []},
        "replace": {"id": mine.id, "over": mine.id}, "mkdir": {"folder": "root", "name": "new"}, "stage": {"count": 1},
    }.items():  # fmt: skip
        with pytest.raises(OSError, match="read-only"):
            [part async for part in verbs.answer(verb, args)]
    assert await world.names(world.ann) == ["mine.txt"]


async def test_a_daemon_that_is_told_nonsense_goes_on(world):
    await world.upload(world.ann, "in.txt", b"x")
    guest = await world.mounted()
    mounted = await daemon(world)
    with connect_unix(Path(mounted.socket), 5.0, socket.SOCK_SEQPACKET) as connection:
        connection.send(b"+not json")
        connection.send(b".\xff\xfe")
    await works(world, guest)


async def test_an_interrupted_program_does_not_hang_while_the_server_is_away(world):
    guest = await world.mounted()
    await world.mounts.close()
    text = await guest.run(f"""
        import os, signal, subprocess, time
        child = subprocess.Popen(['ls', '{HOME}/nowhere'], stderr=subprocess.DEVNULL)
        time.sleep(1)
        child.kill()
        print(child.wait(5))
    """)
    assert text == "-9"
    await world.serve()
    await world.until(lambda: listing(guest))


async def listing(guest):
    return (await guest.ask(f"import os; print(os.listdir('{HOME}'))"))["error"] is None


async def test_a_live_notebook_merges_or_keeps_both(world):
    """What the live side says is done: an export is read, a write goes through it, what it refuses is kept beside."""
    from labora.drive import NoLiveNotebooks

    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    made = await world.drive.create_notebook(world.ann, "live.ipynb", content=json.dumps(notebook).encode())
    live = {**notebook, "metadata": {"live": "x" * 5000}}
    puts = []

    class Live(NoLiveNotebooks):
        async def export(self, file_id):
            return json.dumps(live).encode() if file_id == made.id else None

        async def put(self, principal, file_id, upload, keep):
            if file_id == made.id:
                data = await world.blobs.get(upload.ref.sha256)
                if b"cells" not in data:
                    raise InvalidError("This is no notebook.")
                puts.append(json.loads(data))
                return None
            return await keep()

    world.drive.context.live = Live()
    guest = await world.mounted()
    assert json.loads(await guest.run(f"print(open('{HOME}/live.ipynb').read())")) == live
    changed = {**live, "metadata": {"changed": True}}
    await guest.run(f"import json; json.dump({changed!r}, open('{HOME}/live.ipynb', 'w'))")
    assert await world.mounts.unmount("ann", "rt", TARGET) == []
    assert puts == [changed]
    await world.mounts.mount("ann", "rt", TARGET)
    await guest.run(f"open('{HOME}/live.ipynb', 'w').write('broken')")
    assert await world.mounts.unmount("ann", "rt", TARGET) == []
    names = [view.name for view in await listed(world)]
    (copy,) = [name for name in names if "conflict copy" in name]
    assert await world.content(world.ann, (await named(world, copy)).id) == b"broken"
    await world.mounts.mount("ann", "rt", TARGET)
    # Moved over another one it is what it is now, not what it was when it was saved last.
    other = await world.upload(world.ann, "other.ipynb", json.dumps(notebook).encode())
    await guest.run(f"import os; os.rename('{HOME}/live.ipynb', '{HOME}/other.ipynb')")
    assert json.loads(await world.content(world.ann, other.id)) == live
