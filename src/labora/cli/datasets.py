"""Fashion-MNIST for the example notebook, on machines whose sandboxes cannot download it themselves.

Where the Debian package dataset-fashion-mnist is installed nothing is needed: sandboxes see /usr. Else the four files
are fetched once into ``images/datasets`` (shown at /opt/datasets inside), from the Debian package taken apart without
root, or from the publisher; what they hold is verified. Source: https://github.com/zalandoresearch/fashion-mnist (MIT).
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path

INSTALLED = Path("/usr/share/datasets/fashion-mnist")
PACKAGE = "dataset-fashion-mnist"
PUBLISHER = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
# SHA-256 of the unpacked files: Debian packs them anew, with another name and time inside.
FILES = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_LARGEST = 64 * 1024 * 1024


def provide(images_dir: Path) -> str | None:
    """Makes sure that the data set can be seen in sandboxes. Returns a warning when it cannot be had."""
    target = images_dir / "datasets" / "fashion-mnist"
    if _complete(INSTALLED) or _complete(target):
        return None
    with tempfile.TemporaryDirectory(dir=images_dir, prefix=".dataset-") as scratch:
        folder = _from_package(Path(scratch)) or _from_publisher(Path(scratch))
        if folder is None:
            return (
                "Fashion-MNIST could not be had: the example 'Fashion-MNIST in a minute' will say so. "
                f"Install the package {PACKAGE} (apt-get install {PACKAGE})."
            )
        target.parent.mkdir(exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target, copy_function=shutil.copyfile)
    return None


def _complete(folder: Path) -> bool:
    """Tells whether all four files are there; they were verified when they came."""
    return all((folder / f"{name}.gz").is_file() for name in FILES)


def _verified(folder: Path) -> bool:
    try:
        return all(
            hashlib.sha256(gzip.decompress((folder / f"{name}.gz").read_bytes())).hexdigest() == digest
            for name, digest in FILES.items()
        )
    except (OSError, EOFError):
        return False


def _from_package(scratch: Path) -> Path | None:
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        return None
    for part in ("lists/partial", "archives/partial"):
        (scratch / part).mkdir(parents=True)
    apt = ["apt-get", "-o", f"Dir::State::Lists={scratch}/lists", "-o", f"Dir::Cache={scratch}"]
    apt += ["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User="]
    steps = [[*apt, "update"], [*apt, "download", PACKAGE]]
    for command in steps:
        if subprocess.run(command, cwd=scratch, capture_output=True, check=False, timeout=600).returncode:
            return None
    deb = next(scratch.glob(f"{PACKAGE}_*.deb"), None)
    unpack = ["dpkg", "-x", str(deb), str(scratch / "tree")]
    if deb is None or subprocess.run(unpack, capture_output=True, check=False, timeout=120).returncode:
        return None
    folder = scratch / "tree" / INSTALLED.relative_to("/")
    return folder if _verified(folder) else None


def _from_publisher(scratch: Path) -> Path | None:
    folder = scratch / "published"
    folder.mkdir()
    try:
        for name in FILES:
            with urllib.request.urlopen(f"{PUBLISHER}{name}.gz", timeout=30) as answer:  # noqa: S310 - a constant
                (folder / f"{name}.gz").write_bytes(answer.read(_LARGEST))
    except OSError:
        return None
    return folder if _verified(folder) else None
