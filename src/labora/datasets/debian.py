"""Data sets that Debian packages: the same files, packed anew, from which the publisher's own are made again."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

INSTALLED = Path("/usr/share/datasets")
# gzip writes the file's name and time; Debian leaves both out and packs the same content in the same way.
_TIMES = {
    "train-images-idx3-ubyte.gz": 1504176606,
    "train-labels-idx1-ubyte.gz": 1504176606,
    "t10k-images-idx3-ubyte.gz": 1504176627,
    "t10k-labels-idx1-ubyte.gz": 1504176627,
}


def originals(folder: Path, target: Path) -> bool:
    """Writes the publisher's files, made of Debian's in ``folder``, into ``target``. Whoever calls checks them."""
    if not all((folder / name).is_file() for name in _TIMES):
        return False
    for name, time in _TIMES.items():
        header = b"\x1f\x8b\x08\x08" + struct.pack("<I", time) + b"\0\x03" + name.removesuffix(".gz").encode() + b"\0"
        (target / name).write_bytes(header + (folder / name).read_bytes()[10:])
    return True


def installed(package: str) -> Path:
    """Returns where the package has its files once it is installed."""
    return INSTALLED / package.removeprefix("dataset-")


def download(package: str, scratch: Path) -> Path | None:
    """Fetches a package and takes it apart in ``scratch``, without root and without installing it.

    Returns the folder of its files, or None where it cannot be had.
    """
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        return None
    for part in ("lists/partial", "archives/partial"):
        (scratch / part).mkdir(parents=True)
    apt = ["apt-get", "-o", f"Dir::State::Lists={scratch}/lists", "-o", f"Dir::Cache={scratch}"]
    apt += ["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User="]
    for command in ([*apt, "update"], [*apt, "download", package]):
        try:
            if subprocess.run(command, cwd=scratch, capture_output=True, check=False, timeout=600).returncode:
                return None
        except subprocess.TimeoutExpired:
            return None
    deb = next(scratch.glob(f"{package}_*.deb"), None)
    unpack = ["dpkg", "-x", str(deb), str(scratch / "tree")]
    if deb is None or subprocess.run(unpack, capture_output=True, check=False, timeout=120).returncode:
        return None
    return scratch / "tree" / installed(package).relative_to("/")
