"""Small packages made on the spot, for apt and for pip."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

POSTINST = """#!/bin/sh
set -e
useradd --system --no-create-home --shell /usr/sbin/nologin {user}
chown {user}:{user} /usr/share/{name}/owned
chown root:{user} /usr/bin/{name}
chmod 4750 /usr/bin/{name}
mknod /usr/share/{name}/device c 1 3 || true
mkfifo /usr/share/{name}/pipe
su -s /bin/sh -c 'id -un > /tmp/{name}-ran' {user} || true
"""


def make_deb(folder: Path, name: str) -> bytes:
    """A package that does what those of services do: a user, owners, a set-user-id program."""
    tree = folder / name
    for path, text, mode in (
        ("DEBIAN/control", f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: t <t@example.org>\n"
                           f"Description: test\n", 0o644),
        ("DEBIAN/postinst", POSTINST.format(name=name, user=f"_{name}"), 0o755),
        (f"usr/bin/{name}", f"#!/bin/sh\necho {name} runs\n", 0o755),
        (f"usr/share/{name}/owned", "x", 0o644),
    ):  # fmt: skip
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
        (tree / path).chmod(mode)
    target = folder / f"{name}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", str(tree), str(target)], check=True, capture_output=True)
    return target.read_bytes()


def make_wheel(name: str, folder: Path) -> bytes:
    info, target = f"{name}-1.0.dist-info", folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(target, "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", f"NAME = {name!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return target.read_bytes()
