"""The control plane gives root up, with its code in a folder that only root may enter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labora.host.privilege import blocking_ancestor, drop_privileges

SOURCE = Path(__file__).resolve().parents[2] / "src"
UID = 65533

CODE = """
import os, sys
from pathlib import Path
sys.path.append({source!r})
from labora.host.privilege import drop_privileges
drop_privileges({uid}, [Path({code!r}), Path(sys.prefix), Path(sys.base_prefix), Path({source!r})])
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(os.getresuid(), os.getresgid(), os.getgroups(), status["CapEff"], status["CapPrm"], status["NoNewPrivs"])
sys.path.insert(0, {code!r})
import inner
print(inner.VALUE)
for path in ({secret!r}, "/etc/shadow"):
    try:
        open(path).close()
        print("OPEN")
    except OSError as error:
        print(type(error).__name__)
try:
    os.setuid(0)
    print("ROOT")
except PermissionError:
    print("for good")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="gives root up, so it needs root")
def test_code_below_a_closed_folder_stays_readable_and_nothing_else_does(data_folder):
    closed = data_folder / "closed"
    (closed / "project" / "code").mkdir(parents=True)
    (closed / "project" / "code" / "inner.py").write_text("VALUE = 'imported'")
    (closed / "secret").write_text("x")
    closed.chmod(0o700)
    code = CODE.format(
        source=str(SOURCE), uid=UID, code=str(closed / "project" / "code"), secret=str(closed / "secret")
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=closed)
    assert done.stdout.splitlines() == [
        f"({UID}, {UID}, {UID}) ({UID}, {UID}, {UID}) [] {'0' * 16} {'0' * 16} 1",
        "imported",
        "FileNotFoundError",
        "PermissionError",
        "for good",
    ], done.stderr
    assert (closed / "secret").read_text() == "x", "the machine's own folder is untouched"


@pytest.mark.skipif(os.geteuid() != 0, reason="gives root up, so it needs root")
def test_data_below_the_closed_working_folder_stays_reachable(data_folder):
    """As with ``cd /root; labora serve``: the working folder itself is closed, the data in it is not."""
    home = data_folder / "home"
    (home / "data").mkdir(parents=True)
    (home / "data" / "x").write_text("reached")
    home.chmod(0o700)
    code = (
        f"import sys; sys.path.append({str(SOURCE)!r})\n"
        "from pathlib import Path; from labora.host.privilege import drop_privileges\n"
        f"drop_privileges({UID}, [Path.cwd(), Path.cwd() / 'data', *map(Path, (sys.prefix, {str(SOURCE)!r}))])\n"
        "import os; print(open('data/x').read(), os.listdir('.'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=home)
    assert done.stdout.strip() == "reached ['data']", done.stderr


def test_uid_0_is_no_destination():
    with pytest.raises(ValueError, match="uid 0"):
        drop_privileges(0, [])


def test_the_topmost_closed_folder_is_found(data_folder):
    inner = data_folder / "a" / "b" / "c"
    inner.mkdir(parents=True)
    assert blocking_ancestor(inner, UID) is None
    (data_folder / "a").chmod(0o700)
    (data_folder / "a" / "b").chmod(0o700)
    assert blocking_ancestor(inner, UID) == data_folder / "a"
