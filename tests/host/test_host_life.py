"""The life of runtimes through the host's socket: start, find again, end, adopt."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import sys
import time
from pathlib import Path

import pytest

from labora import __version__
from labora.base.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from labora.base.settings import NetworkSettings, RuntimeSettings, Settings, StorageSettings
from labora.host import ensure_host
from labora.host.client import HostClient
from labora.host.model import Limits
from labora.host.privilege import blocking_ancestor
from labora.host.process import is_alive
from labora.host.sandbox import interpreter_prefixes

pytestmark = pytest.mark.sandbox


async def test_a_runtime_starts_as_the_protocol_says(host):
    handle = await host.runtime(env={"GREETING": "hello"})
    guest = await host.guest(handle)
    out = await guest.run(
        """
        import os, sys
        print(os.getuid(), os.environ["HOME"], os.getcwd(), os.environ["GREETING"], os.environ["LABORA_CHANNEL_FD"])
        print(sys.executable, os.environ["PATH"].split(":")[0], open("/proc/1/cmdline").read().replace(chr(0), " "))
        """
    )
    assert out.splitlines() == [
        "0 /root /content hello 3",
        "/opt/labora/bin/python /opt/python/bin /opt/labora/bin/python -m labora_guest",
    ]
    assert "key" not in await guest.run("import os; print([v for v in os.environ.values() if v == 'key'])")
    assert (await guest.ask("print(1)", key="wrong"))["error"] == "wrong key"
    assert (await guest.ask("print(1)"))["generation"] == 1


async def test_runtimes_that_start_at_once_share_no_slot(host):
    handles = await asyncio.gather(*(host.runtime(f"rt{number}") for number in range(4)))
    assert sorted(handle.slot for handle in handles) == [0, 1, 2, 3]
    if host.level == "a":
        status = [Path(f"/proc/{handle.pid}/status").read_text() for handle in handles]
        owners = {line for text in status for line in text.splitlines() if line.startswith("Uid:")}
        assert len(owners) == 4, owners


async def test_an_end_that_cannot_be_stored_is_told_all_the_same(host):
    handle = await host.runtime()
    # A folder in the way of the file that a handle is written to first.
    (host.folder / "run" / "runtimes" / f".{handle.runtime_id}.json.new").mkdir()
    await host.client.kill(handle.runtime_id)
    assert (await host.until_ended()).exit is not None
    assert (await host.runtime("other")).alive


async def test_content_home_and_temporary_folders_are_writable_and_the_rest_is_not(host):
    guest = await host.guest(await host.runtime())
    out = await guest.run(
        """
        import os
        for folder in ("/content", "/root", "/tmp", "/var/tmp", "/dev/shm", "/run", "/", "/etc", "/usr", "/opt/python"):
            try:
                open(folder + "/probe", "w").close()
                print(folder, "yes")
            except OSError:
                print(folder, "no")
        """
    )
    writable = [line.split()[0] for line in out.splitlines() if line.endswith("yes")]
    assert writable == ["/content", "/root", "/tmp", "/var/tmp", "/dev/shm", "/run"]


async def test_pipelines_end_as_in_any_shell(host):
    """SIGPIPE, ignored by Python, must be back at its default or ``yes | head`` never ends."""
    guest = await host.guest(await host.runtime())
    out = await guest.run(
        "import subprocess; print(subprocess.run('yes | head -n 1', shell=True, capture_output=True, timeout=60))"
    )
    assert "stdout=b'y\\n'" in out


async def test_start_is_idempotent_by_runtime_and_generation(host):
    first, second = await asyncio.gather(host.runtime(), host.runtime())
    assert first == second
    assert len(await host.client.list()) == 1
    await host.client.kill("rt")
    assert not (await host.runtime()).alive, "an ended generation is told, not started again"


async def test_a_later_generation_replaces_and_keeps_the_files_and_an_earlier_one_is_refused(host):
    first = await host.runtime()
    guest = await host.guest(first)
    await guest.run("open('/content/kept', 'w').write('x')")
    second = await host.runtime(generation=2, key="other")
    assert second.pid != first.pid
    assert not is_alive(first.pid, first.start_time)
    guest = await host.guest(second, "other")
    assert await guest.run("print(open('/content/kept').read())") == "x"
    with pytest.raises(ConflictError) as refused:
        await host.runtime(generation=1)
    assert refused.value.error_code == "stale_generation"


async def test_runtimes_do_not_see_each_other(host):
    one, two = await host.runtime("one"), await host.runtime("two")
    await (await host.guest(one)).run("open('/content/secret', 'w').write('x'); open('/tmp/secret', 'w')")
    out = await (await host.guest(two)).run("import os; print(set(os.listdir('/content')), os.listdir('/tmp'))")
    assert out in ("set() []", "{'sample_data'} []")
    assert one.slot != two.slot


async def test_kill_ends_every_process_and_wipe_leaves_no_file(host, data_folder):
    handle = await host.runtime()
    guest = await host.guest(handle)
    await guest.run("import subprocess; subprocess.Popen(['sleep', '1000'], start_new_session=True)")
    await host.client.kill("rt")
    (ended,) = await host.client.list()
    assert (ended.alive, ended.exit.signal, ended.exit.oom, ended.exit.reason) == (False, 9, False, "killed")
    assert not is_alive(handle.pid, handle.start_time)
    await host.client.kill("rt", wipe=True)
    await host.client.kill("rt", wipe=True)
    assert await host.client.list() == []
    assert list((data_folder / "runtimes").iterdir()) == []
    assert list((data_folder / "run" / "runtimes").iterdir()) == []


async def test_an_agent_that_exits_is_told_with_its_code(host):
    guest = await host.guest(await host.runtime())
    with pytest.raises(json.JSONDecodeError):  # the connection just ends
        await guest.ask("import os; os._exit(7)", fork=False)
    ended = await host.until_ended()
    assert (ended.exit.code, ended.exit.signal, ended.exit.reason) == (7, None, None)


async def test_a_killed_host_leaves_the_runtime_and_the_next_one_adopts_it(host):
    handle = await host.runtime()
    guest = await host.guest(handle)
    await guest.run("import sys; sys.marker = 42", fork=False)
    host.kill()
    assert is_alive(handle.pid, handle.start_time)
    assert await guest.run("import sys; print(sys.marker)", fork=False) == "42", "the channel needs no host"
    await host.start()
    (adopted,) = await host.client.list()
    assert (adopted.pid, adopted.alive, adopted.generation) == (handle.pid, True, 1)
    assert await host.runtime() == adopted, "start is idempotent over hosts"
    assert await (await host.guest(adopted)).run("import sys; print(sys.marker)", fork=False) == "42"
    assert (await host.client.meter("rt")).memory_bytes > 0
    await host.client.kill("rt", wipe=True)
    assert not is_alive(handle.pid, handle.start_time)


async def test_an_exit_while_no_host_lived_is_told_by_the_next(host):
    guest = await host.guest(await host.runtime())
    host.kill()
    with pytest.raises(json.JSONDecodeError):  # the connection just ends
        await guest.ask("import os; os._exit(5)", fork=False)
    await host.start()
    ended = await host.until_ended()
    assert ended.exit.code == 5


@pytest.mark.parametrize("point", ["host.start.registered", "host.start.launched"])
async def test_a_host_killed_inside_start_leaves_nothing_behind(make_host, point):
    host = make_host("a" if os.geteuid() == 0 else "b")
    await host.start(env={"LABORA_FAULT": f"{point}:1"})
    with pytest.raises(UnavailableError):
        await host.runtime()
    host.process.wait(10)
    await host.start()
    assert await host.client.list() == []
    handle = await host.runtime()
    assert await (await host.guest(handle)).run(
        "import os; print(len([p for p in os.listdir('/proc') if p.isdigit()]))"
    )


async def test_a_start_that_was_cut_short_finds_its_own_disk_again_whoever_has_left_meanwhile(rooted):
    host = rooted
    host.kill()
    await host.start(env={"LABORA_FAULT": "host.start.launched:2"})
    await host.runtime("other")
    with pytest.raises(UnavailableError):
        await host.runtime()
    host.process.wait(10)
    await host.start()
    await host.client.kill("other", wipe=True)
    guest = await host.guest(await host.runtime())
    assert await guest.run("import os; os.mkdir('/opt/mine'); print(os.stat('/var').st_uid)") == "0"


async def test_the_host_itself_enforces_the_deadline(host):
    await host.runtime(deadline=time.time() + 0.5)
    ended = await host.until_ended()
    assert ended.exit.reason == "deadline"


async def test_a_deadline_can_be_moved_and_outlives_the_host(host):
    await host.runtime(deadline=time.time() + 3600)
    host.kill()
    await host.start()
    await host.client.deadline("rt", time.time() + 0.3)
    assert (await host.until_ended()).exit.reason == "deadline"


async def test_a_second_host_of_the_same_folder_gives_way(host):
    assert host.spawn().wait(20) == 75
    assert (await host.client.ping()).pid


async def test_leave_hands_the_runtimes_over(host):
    handle = await host.runtime()
    await host.client.leave()
    host.process.wait(10)
    assert is_alive(handle.pid, handle.start_time)
    await host.start()
    assert (await host.client.list())[0].alive


async def test_the_socket_is_closed_to_others(host, data_folder):
    info = (data_folder / "run" / "host.sock").stat()
    assert info.st_mode & 0o777 == 0o600
    handle = await host.runtime()
    assert os.stat(handle.socket).st_mode & 0o777 == 0o600  # noqa: PTH116


async def test_nonsense_is_refused_and_the_host_lives(host):
    with pytest.raises(InvalidError):
        await host.runtime("../../etc")
    with pytest.raises(InvalidError) as refused:
        await host.client.start("rt", 1, "/etc", Limits(256 << 20, 1.0, 64), None, "k")
    assert refused.value.error_code == "bad_image"
    with pytest.raises(InvalidError):
        await host.runtime(limits=Limits(1, 1.0, 64))
    with pytest.raises(NotFoundError):
        await host.client.meter("unknown")
    with pytest.raises(UnavailableError) as missing:
        await host.client.start("rt", 1, "absent", Limits(256 << 20, 1.0, 64), None, "k")
    assert missing.value.error_code == "image_not_ready"
    assert (await host.client.ping()).version == __version__


async def test_a_data_folder_with_a_very_long_path_works(make_host, data_folder):
    host = make_host("a" if os.geteuid() == 0 else "b")
    long = data_folder / ("long name " * 12)
    long.mkdir()
    (data_folder / "images").rename(long / "images")
    host.folder, host.client = long, HostClient(long / "run" / "host.sock")
    await host.start()
    handle = await host.runtime()
    assert len(handle.socket) <= 107
    assert await (await host.guest(handle)).run("print(1)") == "1"


def test_ensure_host_starts_one_that_outlives_us_and_finds_it_again(data_folder):
    settings = Settings(
        storage=StorageSettings(data_dir=data_folder / "with space"), runtimes=RuntimeSettings(control_uid=0)
    )
    first = ensure_host(settings)
    try:
        assert first["level"] in {"a", "b"}
        assert os.getsid(first["pid"]) not in {os.getsid(0), 0}
        assert ensure_host(settings)["pid"] == first["pid"]
        os.kill(first["pid"], signal.SIGKILL)
        pidfd = os.pidfd_open(first["pid"]) if Path(f"/proc/{first['pid']}").exists() else None
        if pidfd is not None:
            select.select([pidfd], [], [], 10)
            os.close(pidfd)
        second = ensure_host(settings)
        assert second["pid"] != first["pid"], "its keeper has started it again"
    finally:
        asyncio.run(HostClient(settings.run_dir / "host.sock").stop())


def test_other_settings_of_the_network_take_effect_without_a_stop(data_folder):
    """A host outlives its starter, so the next starter sees to it that the settings hold."""
    settings = Settings(
        storage=StorageSettings(data_dir=data_folder),
        runtimes=RuntimeSettings(control_uid=0),
        network=NetworkSettings(means="relay"),
    )
    first = ensure_host(settings)
    try:
        assert first["network"] == "relay"
        second = ensure_host(settings.model_copy(update={"network": NetworkSettings(egress="off")}))
        assert (second["network"], second["pid"] != first["pid"]) == ("off", True)
        for wrong in (NetworkSettings(allow=["nonsense"]), NetworkSettings(subnet="8.8.8.0/24")):
            with pytest.raises(InvalidError, match="Setting network"):
                ensure_host(settings.model_copy(update={"network": wrong}))
    finally:
        asyncio.run(HostClient(settings.run_dir / "host.sock").stop())


async def test_without_isolation_a_runtime_still_speaks_the_protocol(make_host):
    if os.geteuid() == 0 and blocking_ancestor(Path(sys.base_prefix) / "bin", 200_000):
        pytest.skip("this Python lies in a folder that only root may enter; without isolation nobody else can run it")
    host = make_host("a" if os.geteuid() == 0 else "b")
    assert (await host.start("--isolation", "none")).level == "none"
    handle = await host.runtime()
    assert handle.level == "none"
    guest = await host.guest(handle)
    assert await guest.run("import os; print(os.path.basename(os.getcwd()), os.getuid() != 0)") == "content True"
    await host.client.kill("rt", wipe=True)
    assert not is_alive(handle.pid, handle.start_time)


@pytest.mark.skipif(os.geteuid() != 0, reason="a folder that only root may enter")
async def test_everything_may_lie_below_a_folder_that_only_root_may_enter(make_host, data_folder):
    host = make_host("a")
    closed = data_folder / "closed"
    closed.mkdir(mode=0o700)
    (data_folder / "images").rename(closed / "images")
    host.folder, host.client = closed, HostClient(closed / "run" / "host.sock")
    await host.start()
    guest = await host.guest(await host.runtime())
    assert (
        await guest.run("import os; print(os.getuid(), sorted(os.listdir('/opt/python')))") == "0 ['bin', 'pyvenv.cfg']"
    )


async def test_an_interpreter_outside_usr_is_shown_at_its_own_path(make_host, data_folder):
    """As one installed by pyenv or uv below the home folder, with a copy of the standard library."""
    host = make_host("a" if os.geteuid() == 0 else "b")
    home = data_folder / "home of root" / "python"
    (home / "bin").mkdir(parents=True)
    (home / "mark").write_text("shown")
    for name in ("agent", "py/env"):
        environment = data_folder / "images" / name
        text = (environment / "pyvenv.cfg").read_text()
        (environment / "pyvenv.cfg").write_text(text.replace("home = ", f"home = {home}/bin\nbase = ", 1))
    (home / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}").symlink_to(
        os.path.realpath(sys._base_executable)
    )
    (data_folder / "home of root").chmod(0o700 if os.geteuid() == 0 else 0o755)
    await host.start()
    prefixes = interpreter_prefixes(data_folder / "images" / "py" / "env")
    # The test's own interpreter, where it is not the system's, and the one made here.
    assert str(home) in prefixes
    handle = await host.runtime()
    guest = await host.guest(handle)
    assert await guest.run(f"print(open({str(home / 'mark')!r}).read())") == "shown"
