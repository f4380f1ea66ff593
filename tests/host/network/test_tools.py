"""The tools that people use, from inside: git and pip, against servers of the test's own and, where it can be
reached, against the package index of this machine."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pip
import pytest

from .conftest import LAB, PRIVATE, PUBLIC

pytestmark = pytest.mark.sandbox
MEANS = [("a", "veth"), ("b", "relay"), ("b", "pasta")]
SHELL = """
import subprocess
done = subprocess.run({command!r}, shell=True, capture_output=True, text=True, timeout=100)
print(done.returncode, done.stdout, done.stderr)
"""


async def shell(guest, command):
    """Runs a command inside; returns its exit code and all that it said."""
    code, _, said = (await guest.run(SHELL.format(command=command))).partition(" ")
    return int(code), said


def make_repository(folder: Path) -> Path:
    """A repository as a plain web server serves it."""
    work = folder / "work"
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(folder)}
    for command in (
        ["git", "init", "-q", str(work)],
        ["git", "-C", str(work), "-c", "user.name=a", "-c", "user.email=a@b.test", "commit", "-q", "--allow-empty",
         "-m", "first words"],
        ["git", "clone", "-q", "--bare", str(work), str(folder / "repository.git")],
        ["git", "-C", str(folder / "repository.git"), "update-server-info"],
    ):  # fmt: skip
        subprocess.run(command, check=True, env=environment)
    return folder


def make_index(folder: Path) -> Path:
    """A package index with one package."""
    place = folder / "simple" / "labora-greeting"
    place.mkdir(parents=True)
    name = "labora_greeting-1.0-py3-none-any.whl"
    with zipfile.ZipFile(place / name, "w") as wheel:
        wheel.writestr("labora_greeting.py", "WORDS = 'good morning'\n")
        info = "labora_greeting-1.0.dist-info"
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: labora-greeting\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    (place / "index.html").write_text(f'<a href="{name}">{name}</a>')
    return folder


def give_pip(host):
    """Puts the tests' own pip where the guest finds it; the small test image has none."""
    target = host.folder / "runtimes" / "rt" / "content" / "lib" / "pip"
    shutil.copytree(Path(pip.__file__).parent, target, ignore=shutil.ignore_patterns("__pycache__"))
    return "PYTHONPATH=/content/lib python3 -m pip --disable-pip-version-check"


@pytest.mark.parametrize(("level", "means"), MEANS)
async def test_git_clones_from_an_allowed_place_and_from_no_other_near_one(
    make_host, world, tun, tmp_path, level, means
):
    for address in (LAB, PRIVATE, PUBLIC):
        world.files(address, 8080, make_repository(tmp_path / address))
    host = make_host(level)
    host.prefix = world.prefix(tun=tun)
    await host.start("--network-means", means, "--allow", f"{LAB}:8080")
    guest = await host.guest(await host.runtime())
    for address in (LAB, PUBLIC):
        code, said = await shell(guest, f"git clone http://{address}:8080/repository.git /content/{address}")
        assert code == 0, said
        assert "first words" in (await shell(guest, f"git -C /content/{address} log"))[1]
    code, said = await shell(guest, f"git clone http://{PRIVATE}:8080/repository.git /content/private")
    assert code != 0
    if means == "relay":
        assert "403" in said


@pytest.mark.parametrize(("level", "means"), MEANS[:2])
async def test_pip_installs_from_the_operators_index_although_it_is_near(make_host, world, tun, tmp_path, level, means):
    world.files(LAB, 80, make_index(tmp_path))
    host = make_host(level)
    host.prefix = world.prefix(tun=tun)
    configuration = host.folder / "pip.conf"
    configuration.write_text(
        "[global]\nindex-url = http://lab.test/simple\nextra-index-url = http://user:canary@lab.test/other\n"
        "trusted-host = lab.test\nproxy = http://user:canary@proxy.test\ntarget = /nowhere\n"
    )
    clean = {name: "" for name in os.environ if name.startswith("PIP_")}
    await host.start("--network-means", means, env={**clean, "PIP_CONFIG_FILE": str(configuration)})
    guest = await host.guest(await host.runtime())
    told = await guest.run("print(open('/etc/pip.conf').read())")
    assert "canary" not in told
    assert "nowhere" not in told
    code, said = await shell(guest, f"{give_pip(host)} install --target /content/new labora-greeting")
    assert code == 0, said
    assert (await shell(guest, "PYTHONPATH=/content/new python3 -c 'import labora_greeting as g; print(g.WORDS)'"))[
        1
    ].startswith("good morning")


async def test_with_the_network_off_every_tool_says_why(make_host):
    host = make_host("a" if os.geteuid() == 0 else "b")
    await host.start("--egress", "off")
    guest = await host.guest(await host.runtime())
    pip_command = f"{give_pip(host)} install --retries 1 --target /content/new six"
    told = {
        "pip": await shell(guest, pip_command),
        "curl": await shell(guest, "curl -sS http://site.test/"),
        "git": await shell(guest, "git clone https://site.test/a.git /content/a"),
        "urllib": await shell(
            guest, "python3 -c 'import urllib.request; urllib.request.urlopen(\"https://site.test/\")'"
        ),
    }
    for tool in ("pip", "urllib"):
        code, said = told[tool]
        assert code != 0
        assert "Labora: this runtime has no network: network.egress is off" in said
    assert "Labora: this runtime has no network: network.egress is off" in told["curl"][1]
    assert told["git"][0] != 0
    assert "403" in told["git"][1]


async def test_pip_reaches_the_real_index_wherever_this_machine_does(make_host, tmp_path):
    """The same command outside and inside: either both work, or the inner one says what is wrong."""
    level = "a" if os.geteuid() == 0 else "b"
    host = make_host(level)
    await host.start()
    guest = await host.guest(await host.runtime())
    outside = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "pip", "install", "--retries", "0", "--no-deps", "--no-cache-dir", "--target",
         str(tmp_path / "new"), "six"],
        capture_output=True, check=False,
    )  # fmt: skip
    code, said = await shell(guest, f"{give_pip(host)} install --retries 1 --no-deps --target /content/new six")
    if outside.returncode == 0:
        assert code == 0, said
        code, said = await shell(guest, "PYTHONPATH=/content/new python3 -c 'import six; print(six.__name__)'")
        assert said.startswith("six")
    else:
        assert code != 0
        assert "Labora:" in said


async def test_the_operators_proxy_is_behind_the_runtimes_own(make_host, world):
    """Names that only that proxy knows, and a password that stays outside."""
    asked = []

    async def upstream(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(head)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\nfrom upstream\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(upstream, sock=world.internet.socket("tcp", PRIVATE, 3128)):
        host = make_host("a")
        host.prefix = world.prefix()
        await host.start(
            "--network-means",
            "veth",
            env={"http_proxy": f"http://user:canary@{PRIVATE}:3128", "no_proxy": "site.test"},
        )
        guest = await host.guest(await host.runtime())
        assert "canary" not in await guest.run("import os; print(dict(os.environ))")
        assert (await shell(guest, "curl -sS http://only-the-proxy-knows.test/x"))[1].startswith("from upstream")
        assert "GET http://only-the-proxy-knows.test/x HTTP/1.1" in asked[0]
        assert "Proxy-Authorization: Basic dXNlcjpjYW5hcnk=" in asked[0]
        # Around the policy it leads nowhere, and the proxy itself is as closed as everything near.
        assert "private address" in (await shell(guest, f"curl -sS http://{LAB}/"))[1]
        assert (await shell(guest, f"curl -sS --noproxy '*' -m 5 http://{PRIVATE}:3128/"))[0] != 0
        assert len(asked) == 1
