"""What every test shares."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings

from labora.accounts import passwords
from labora.base.settings import RuntimeSettings
from labora.db import engine
from labora.drive import home

# LocalProvider runs kernels without isolation; the tests' own code is all that runs in them.
os.environ.setdefault("LABORA_TESTING_UNISOLATED", "1")
# Servers that tests start as root leave the machine's interfaces alone: a browser drops its connections when one
# comes or goes. tests/host/network tries the other means in namespaces of its own.
os.environ.setdefault("LABORA_NETWORK__MEANS", "relay")
# Nor do they keep machines ready, but for those whose test this is.
os.environ.setdefault("LABORA_RUNTIMES__WARM", "0")

# A slow machine finds no fault: neither an example nor the making of examples has a time limit.
settings.register_profile("labora", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("labora")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def images_dir() -> Path:
    """The real default image, made once for all tests and kept beside the checkout's environment."""
    from labora.host.image import Recipe, prepare_image

    folder = ROOT / ".cache" / "images"
    prepare_image(folder, Recipe.of(RuntimeSettings()), lambda progress: None)
    return folder


@pytest.fixture(scope="session")
def notebooks_dir() -> Path:
    """The folder of real notebooks, beside the checkout."""
    folder = Path(os.environ.get("LABORA_TEST_NOTEBOOKS", ROOT.parent / "shared" / "notebooks"))
    if not folder.is_dir():
        pytest.skip(f"no real notebooks at {folder.name}: set LABORA_TEST_NOTEBOOKS")
    return folder


# -- what is dear and proves nothing here ------------------------------------------------------------------------------
# Power is cut in no test, and passwords of tests are no secrets. Servers in processes of their own know none of this.

SLOW_HASHER = passwords._HASHER
"""The hasher of real accounts, for the tests of sign-in."""
SYNCED_CONFIGURATION = engine._sqlite_configuration
"""How real connections to SQLite are set up, for the tests of that."""
EXAMPLES_DIR = home.examples_dir
"""Where the real examples are, for the test of them."""


@pytest.fixture(scope="session", autouse=True)
def _cheap() -> Iterator[None]:
    """In the tests' own process nothing waits for the disk to have it, a password is hashed in no time, and a new
    account finds no examples, which would be written and then read for the search, in every test."""

    def unsynced(attached: Mapping[str, Path], *, durable: bool) -> Any:
        configure = SYNCED_CONFIGURATION(attached, durable=durable)

        def configured(connection: Any, record: Any) -> None:
            configure(connection, record)
            cursor = connection.cursor()
            for schema in ("main", *attached):
                cursor.execute(f"PRAGMA {schema}.synchronous=OFF")
            cursor.close()

        return configured

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        patch.setattr(engine, "_sqlite_configuration", unsynced)
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setattr(home, "examples_dir", lambda: None)
        yield


# -- order -----------------------------------------------------------------------------------------------------------
# A long file that begins last is waited for by one worker alone: these begin first.

LONG = (
    "faults/test_kills.py",
    "faults/test_machine.py",
    "faults/test_limits.py",
    "rooms/test_warm.py",
    "real/test_run.py",
    "faults/test_floods.py",
    "faults/test_neighbours.py",
    "api/test_corpora.py",
    "guest/test_zygote_in_a_sandbox.py",
    "rooms/test_memory.py",
    "mount/test_life.py",
    "kernels/test_kernel_session.py",
    "host/test_host_life.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first; the order within a file stays."""

    def rank(item: pytest.Item) -> int:
        path = item.path.as_posix()
        return next((at for at, name in enumerate(LONG) if path.endswith(f"/tests/{name}")), len(LONG))

    items.sort(key=rank)


# -- skipped tests ------------------------------------------------------------------------------------------------
# As root nothing may be skipped; as an ordinary user only what tests/allowed_skips.txt names, with the reason.

_skipped: list[tuple[str, str]] = []


def _allowed_skips() -> list[str]:
    lines = (Path(__file__).parent / "allowed_skips.txt").read_text().splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Notes what was skipped, in whichever process it ran, and names what failed at once: a run takes minutes."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        print(f"\n✗ {report.nodeid}: {report.longreprtext.strip().splitlines()[-1]}", file=sys.__stderr__, flush=True)
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped.append((report.nodeid, reason))


def _unreviewed() -> list[tuple[str, str]]:
    allowed = [] if os.geteuid() == 0 else _allowed_skips()
    return [
        (test, reason)
        for test, reason in _skipped
        # The real notebooks lie beside the checkout, not in it: without them their tests say so and that is all.
        if "LABORA_TEST_NOTEBOOKS" not in reason and not any(test.startswith(name) for name in allowed)
    ]


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A skip that nobody reviewed is a failure."""
    if not hasattr(session.config, "workerinput") and exitstatus == 0 and _unreviewed():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Counts the skipped tests and names those that should not have been."""
    if _skipped:
        terminalreporter.line(f"{len(_skipped)} skipped, {len(_unreviewed())} of them not on the reviewed list")
    for test, reason in _unreviewed():
        terminalreporter.line(f"  not reviewed: {test}: {reason}", red=True)
