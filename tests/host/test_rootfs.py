"""Runtimes with a Debian root file system of their own: apt, pip, private layers, reset; at every level."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import time
from pathlib import Path

import pytest

from labora.host.model import Limits

from .conftest import MIB
from .packages import make_deb, make_wheel

pytestmark = pytest.mark.sandbox

LIMITS = Limits(memory_bytes=512 * MIB, cpus=2.0, processes=200, disk_bytes=256 * MIB, inodes=20_000)


async def put(guest, path: str, content: bytes):
    text = base64.b64encode(content).decode()
    await guest.run(f"import base64; open({path!r}, 'wb').write(base64.b64decode({text!r}))")


async def shell(guest, command: str) -> str:
    """Runs a command as a cell's ``!`` does; returns what it printed, failed or not."""
    return await guest.run(
        f"""
        import subprocess
        done = subprocess.run({command!r}, shell=True, capture_output=True, text=True)
        print(done.stdout + done.stderr + f"[{{done.returncode}}]")
        """
    )


async def test_it_is_a_small_debian_of_ones_own(rooted):
    guest = await rooted.guest(await rooted.runtime(limits=LIMITS))
    out = await shell(guest, "id -u; pwd; . /etc/os-release; echo $ID; git --version; curl --version; less -V; ps")
    assert out.startswith("0\n/content\n")
    assert out.endswith("[0]")
    written = "touch /etc/x /usr/bin/x /root/x /var/lib/x /opt/x /tmp/x /run/x /content/x && rm /usr/bin/curl"
    assert await shell(guest, f"{written} && ! command -v curl") == "[0]"


async def test_sec_58_nothing_of_the_machine_is_shown(rooted, data_folder):
    canary = Path("/var/tmp/labora-root-canary")
    canary.write_text("x")
    try:
        guest = await rooted.guest(await rooted.runtime(limits=LIMITS))
        paths = [str(data_folder), str(canary), "/etc/ssh/ssh_host_rsa_key", "/proc/1/root/content", "/oldroot"]
        assert await guest.run(f"import os; print([p for p in {paths!r} if os.path.lexists(p)])") == "[]"
    finally:
        canary.unlink()


async def test_packages_with_users_and_set_uid_files_are_installed_privately_and_gone_after_reset(rooted, tmp_path):
    one = await rooted.guest(await rooted.runtime("one", limits=LIMITS))
    two = await rooted.guest(await rooted.runtime("two", limits=LIMITS))
    names = ("alpha", "beta", "gamma")
    for name in names:
        await put(one, f"/content/{name}.deb", make_deb(tmp_path, name))
    out = await shell(one, "apt-get install -y ./alpha.deb ./beta.deb ./gamma.deb")
    assert out.endswith("[0]"), out
    for name in names:
        assert await shell(one, name) == f"{name} runs\n[0]"
        assert oct(int(await guest_stat(one, f"/usr/bin/{name}"))).endswith("4750")
        assert (await shell(one, f"id -un _{name}")).startswith(f"_{name}")
        assert "[0]" in await shell(one, f"test -p /usr/share/{name}/pipe")
        assert (await shell(two, f"id _{name}")).endswith("[1]")
        assert (await shell(two, f"ls /usr/bin/{name}")).endswith("[2]")
    assert (await shell(one, "dpkg --audit; apt-get remove -y alpha && ! command -v alpha")).endswith("[0]")
    started = time.monotonic()
    await rooted.client.kill("one", wipe=True)
    again = await rooted.guest(await rooted.runtime("one", limits=LIMITS))
    assert await shell(again, "ls /content; id _beta") == "id: ‘_beta’: no such user\n[1]"
    assert time.monotonic() - started < 120  # a hang, not a speed: that is measured by the bench
    assert await shell(two, "ls /content") == "[0]"


async def guest_stat(guest, path):
    return await guest.run(f"import os; print(os.stat({path!r}).st_mode)")


async def test_owners_are_real_as_root_and_pretended_for_an_ordinary_user(rooted):
    guest = await rooted.guest(await rooted.runtime(limits=LIMITS))
    out = await shell(guest, "touch f && chown 33:34 f && stat -c %u:%g f && setpriv --reuid 33 --clear-groups id -u")
    assert out == ("33:34\n33\n[0]" if rooted.level == "a" else "0:0\n0\n[0]")


async def test_pip_installs_privately(rooted, tmp_path):
    guest = await rooted.guest(await rooted.runtime(limits=LIMITS))
    await put(guest, "/content/thing-1.0-py3-none-any.whl", make_wheel("thing", tmp_path))
    out = await shell(
        guest,
        "python3 -m venv /opt/python && /opt/python/bin/pip install --no-index ./thing-1.0-py3-none-any.whl"
        " && /opt/python/bin/python -c 'import thing; print(thing.NAME)'",
    )
    assert out.endswith("thing\n[0]"), out


async def test_files_stay_when_a_later_generation_starts(rooted):
    guest = await rooted.guest(await rooted.runtime(limits=LIMITS))
    await shell(guest, "echo kept > /etc/kept; echo kept > /content/kept")
    again = await rooted.guest(await rooted.runtime(generation=2, limits=LIMITS))
    assert await shell(again, "cat /etc/kept /content/kept") == "kept\nkept\n[0]"


async def test_sec_66_links_planted_where_something_is_mounted_lead_nowhere(rooted, data_folder):
    outside = data_folder / "outside"
    outside.mkdir()
    if rooted.uid is not None:
        os.chown(outside, rooted.uid, rooted.uid)
    guest = await rooted.guest(await rooted.runtime(limits=LIMITS))
    await shell(guest, "echo marked > /etc/marked")
    # A hostile guest cannot move what is mounted, but its layer may say anything when the next generation starts.
    layer = data_folder / "runtimes" / "rt" / "disk" / "upper"
    if rooted.level == "b":
        await rooted.client.kill("rt")
        for name, target in (("hosts", outside / "made"), ("hostname", Path("/oldroot") / "tmp" / "made")):
            with contextlib.suppress(FileNotFoundError):
                (layer / "etc" / name).unlink()
            (layer / "etc" / name).symlink_to(target)
        (layer / "opt").mkdir(exist_ok=True)
        (layer / "opt" / "labora").symlink_to(outside)
        for path in (layer / "opt", layer / "opt" / "labora"):
            os.chown(path, rooted.uid or -1, rooted.uid or -1, follow_symlinks=False)
    again = await rooted.guest(await rooted.runtime(generation=2, limits=LIMITS))
    assert "localhost" in await shell(again, "cat /etc/hosts")
    assert await shell(again, "cat /etc/marked") == "marked\n[0]"
    assert list(outside.iterdir()) == []
    assert not Path("/tmp/made").exists()


async def test_sec_61_privileges_are_those_of_a_package_manager_in_a_namespace(rooted):
    guest = await rooted.guest(await rooted.runtime(limits=LIMITS))
    status = await guest.run("print(open('/proc/self/status').read())")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    # chown 0, dac_override 1, fowner 3, fsetid 4, setgid 6, setuid 7, sys_chroot 18, setfcap 31
    allowed = 0x800400DB if rooted.level == "a" else 0
    assert {int(fields[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")} == {allowed}
    assert (fields["NoNewPrivs"].strip(), fields["Seccomp"].strip()) == ("1", "2")
    out = await guest.run(
        """
        import ctypes, errno, os, platform
        libc = ctypes.CDLL(None, use_errno=True)
        column = 0 if platform.machine() == "x86_64" else 1
        for name, numbers, arguments in (
            ("unshare", (272, 97), (0x10000000,)), ("mount", (165, 40), (b"none", b"/tmp", b"tmpfs", 0, 0)),
            ("umount", (166, 39), (b"/etc/hosts", 2)), ("setns", (308, 268), (0, 0)),
            ("pivot_root", (155, 41), (b"/tmp", b"/tmp")), ("keyctl", (250, 219), (0, 0)),
            ("bpf", (321, 280), (0, 0, 0)),
            ("open_by_handle", (304, 265), (-100, 0, 0)), ("mount_setattr", (442, 442), (0, 0, 0, 0, 0)),
        ):
            result = libc.syscall(numbers[column], *arguments)
            print(name, "ok" if result >= 0 else errno.errorcode[ctypes.get_errno()])
        for path in ("/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/1/environ", "/proc/1/mem"):
            try:
                open(path, "r+b" if "sys" in path else "rb").close()
                print(path, "ok")
            except OSError as error:
                print(path, errno.errorcode[error.errno])
        try:
            os.mknod("/tmp/device", 0o600 | 0o020000, os.makedev(1, 1))
            open("/tmp/device", "rb")
            print("device ok")
        except OSError as error:
            print("device", errno.errorcode[error.errno])
        """
    )
    results = dict(line.split() for line in out.splitlines())
    assert set(results.values()) <= {"EPERM", "EACCES", "EROFS", "ENOENT"}, results


async def test_sec_64_a_full_disk_is_its_owners_affair(rooted):
    """Disk fill, inodes and a sparse terabyte."""
    await (fill_a_bounded_disk if rooted.level == "a" else fill_until_stopped)(rooted)


async def fill_a_bounded_disk(rooted):
    guest = await rooted.guest(await rooted.runtime(limits=LIMITS))
    other = await rooted.guest(await rooted.runtime("two", limits=LIMITS))
    out = await shell(
        guest, "df --output=size -B1 / /content | tail -2; dd if=/dev/zero of=/content/big bs=1M; df /content"
    )
    sizes = [int(line) for line in out.splitlines()[:2]]
    assert all(200 * MIB < size <= 256 * MIB for size in sizes), out
    assert "No space left on device" in out
    assert "100%" in out
    meter = await rooted.client.meter("rt")
    assert meter.disk_limit == LIMITS.disk_bytes
    assert 200 * MIB < meter.disk_bytes <= LIMITS.disk_bytes
    assert "No space left" in await shell(guest, "dd if=/dev/zero of=/root/more bs=1M count=50")
    assert (await shell(other, "dd if=/dev/zero of=/content/big bs=1M count=50")).endswith("[0]")
    assert (await shell(guest, "rm /content/big && truncate -s 1T /content/sparse && df /content")).endswith("[0]")
    assert (await rooted.client.meter("rt")).disk_bytes < 100 * MIB
    out = await guest.run(
        """
        import os
        os.mkdir("/content/many")
        try:
            for number in range(100_000):
                open(f"/content/many/{number}", "w").close()
        except OSError as error:
            print(number, error.strerror)
        """
    )
    assert int(out.split()[0]) < LIMITS.inodes
    assert out.endswith("No space left on device")
    assert (await shell(other, "touch /content/x")).endswith("[0]")
    image = rooted.folder / "runtimes" / "rt" / "disk.ext4"
    with image.open("rb") as stream, pytest.raises(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as long as a loop device shows it
    await rooted.client.kill("rt", wipe=True)
    assert not image.exists()


async def fill_until_stopped(host):
    guest = await host.guest(await host.runtime(limits=LIMITS))
    answer = await guest.ask("open('/content/sparse', 'w').truncate(1 << 40)")
    assert "File too large" in answer["error"]
    assert {note.code for note in (await host.client.ping()).notes} >= {"disk_sampled"}
    # Eight files of 60 MB a second, far more than the limit in all: the writer is ended, the agent lives.
    answer = await guest.ask(
        """
        import time
        for number in range(200):
            with open(f"/content/{number}", "wb") as file:
                for _ in range(15):
                    file.write(bytes(1 << 20))
            time.sleep(0.1)
        """
    )
    assert answer["error"] == "died"
    assert await guest.run("print('agent lives')") == "agent lives"
    size = int(await guest.run("import os; print(sum(os.stat(e).st_size for e in os.scandir('/content')))"))
    assert size < 200 * 15 * MIB
    meter = await host.client.meter("rt")
    assert meter.disk_limit == LIMITS.disk_bytes
    assert meter.disk_bytes > LIMITS.disk_bytes


async def test_a_killed_host_and_runtime_leave_no_mount_and_no_loop_device(rooted):
    """Whoever dies first: the kernel takes mounts and loop device away with the last process."""
    before = Path("/proc/mounts").read_text()
    handle = await rooted.runtime(limits=LIMITS)
    assert Path("/proc/mounts").read_text() == before
    guest = await rooted.guest(handle)
    await shell(guest, "echo x > /content/x")
    rooted.kill()
    for pid in (handle.monitor_pid, handle.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
    await rooted.start()
    ended = await rooted.until_ended()
    assert not ended.alive
    image = rooted.folder / "runtimes" / "rt" / "disk.ext4"
    assert image.exists() == (rooted.level == "a")
    again = await rooted.guest(await rooted.runtime(generation=2, limits=LIMITS))
    assert (await shell(again, "cat /content/x")).startswith("x")
    await rooted.client.kill("rt", wipe=True)
    assert not (rooted.folder / "runtimes" / "rt").exists()
