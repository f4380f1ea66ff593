"""``google.colab`` beside other distributions that share the name ``google``, in an environment of their own.

What is put there is what pip puts there: today's distributions of Google have no ``google/__init__.py``; older ones
have none either, but a ``…-nspkg.pth`` that setuptools wrote, which makes the package ``google`` when Python starts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.colab.conftest import SOURCES

LAUNCHER = SOURCES.parents[1] / "guest" / "src" / "labora_guest"
NSPKG = (
    "import sys, types, os;has_mfs = sys.version_info > (3, 5);"
    "p = os.path.join(sys._getframe(1).f_locals['sitedir'], *{parts});"
    "importlib = has_mfs and __import__('importlib.util');has_mfs and __import__('importlib.machinery');"
    "m = has_mfs and sys.modules.setdefault('{name}', importlib.util.module_from_spec("
    "importlib.machinery.PathFinder.find_spec('{name}', [os.path.dirname(p)])));"
    "m = m or sys.modules.setdefault('{name}', types.ModuleType('{name}'));"
    "mp = (m or []) and m.__dict__.setdefault('__path__',[]);(p not in mp) and mp.append(p){more}\n"
)
"""The line that setuptools writes for ``namespace_packages``."""
IMPORTS = """
import sys, google.auth, google.cloud.storage, google.colab
from google.colab import userdata
from google.auth.more import there
print(there, google.cloud.storage.__name__, 'google.colab' in sys.modules)
"""
KERNEL = "import kernel_launcher\nkernel_launcher.preload_colab()\nassert 'google.colab' in sys.modules\n"


def distribution(site: Path, name: str, *, old: bool) -> None:
    """Puts a distribution's modules where pip would: ``google.auth``, or ``google.cloud.storage``."""
    package = site.joinpath("google", *name.split("."))
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "more.py").write_text("there = 1\n")
    names = [("google",), ("google", "cloud")] if name.startswith("cloud") else [("google",)]
    lines = [
        NSPKG.format(
            parts=parts,
            name=".".join(parts),
            more=";m and setattr(sys.modules['google'], 'cloud', m)" * (len(parts) > 1),
        )
        for parts in names
    ]
    if old:
        (site / f"google_{name.replace('.', '_')}-1.0-py3.9-nspkg.pth").write_text("".join(lines))


def run(python: Path, *arguments: str, path: tuple[Path, ...] = (SOURCES,)) -> str:
    """Runs a Python as a runtime does: our package is on ``PYTHONPATH``."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    ran = subprocess.run([python, *arguments], env=env, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture
def environment(tmp_path: Path) -> tuple[Path, Path]:
    """A Python of its own and the folder of its packages."""
    venv.create(tmp_path / "own", symlinks=True)
    (site,) = (tmp_path / "own" / "lib").glob("python3*/site-packages")
    return tmp_path / "own" / "bin" / "python", site


@pytest.mark.parametrize("auth", ["new", "old"])
@pytest.mark.parametrize("cloud", ["new", "old"])
def test_programs_and_kernels_import_them_side_by_side(environment: tuple[Path, Path], auth: str, cloud: str) -> None:
    python, site = environment
    distribution(site, "auth", old=auth == "old")
    distribution(site, "cloud.storage", old=cloud == "old")
    script = site.parent / "program.py"
    script.write_text(IMPORTS)
    expected = "1 google.cloud.storage True\n"
    assert run(python, str(script)) == expected
    assert run(python, "-c", IMPORTS) == expected
    # A kernel, also where nothing puts a folder before those of PYTHONPATH.
    for options in ([], ["-P"]):
        assert run(python, *options, "-c", f"import sys\n{KERNEL}{IMPORTS}", path=(SOURCES, LAUNCHER)) == expected


def test_what_is_installed_later_into_another_folder_is_found_in_names_below(tmp_path: Path) -> None:
    first, later = tmp_path / "first", tmp_path / "later"
    distribution(first, "cloud.storage", old=False)
    later.mkdir()
    code = f"""
import pathlib, sys
import google.colab, google.cloud.storage
from google.colab import _namespace
_namespace.install()
package = pathlib.Path({str(later)!r}, "google", "cloud", "bigquery")
package.mkdir(parents=True)
(package / "__init__.py").write_text("there = 1")
import google.cloud.bigquery
print(google.cloud.bigquery.there)
try:
    import google.cloud.storage.nothing
except ModuleNotFoundError as error:
    print(error)
"""
    expected = "1\nNo module named 'google.cloud.storage.nothing'\n"
    assert run(Path(sys.executable), "-c", code, path=(SOURCES, first, later)) == expected
