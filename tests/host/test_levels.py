"""The tables of security cases say the same, and every case that is claimed has tests of its number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "src" / "labora" / "host" / "README.md"
GUIDE = ROOT / "docs" / "guides" / "hosting.md"
CASES = [*range(58, 69), 74]
MARKS = {"yes", "weaker", "no"}


def cases_in(path: Path) -> dict[int, tuple[str, str]]:
    """Returns what a table says of levels a and b, by case."""
    rows = re.findall(r"^\| (\d\d) \| [^|]+ \| (\w+) \| (\w+) \|", path.read_text(), re.MULTILINE)
    return {int(number): (a, b) for number, a, b in rows}


def test_both_tables_list_every_case_and_agree() -> None:
    table = cases_in(README)
    assert list(table) == CASES
    assert cases_in(GUIDE) == table
    assert {mark for marks in table.values() for mark in marks} <= MARKS


@pytest.fixture(scope="module")
def tested() -> set[int]:
    """The numbers that tests bear."""
    texts = (path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    return {
        int(number) for text in texts for number in re.findall(r"^(?:async )?def test_sec_(\d\d)_", text, re.MULTILINE)
    }


@pytest.mark.parametrize("case", CASES)
def test_a_case_has_tests_of_its_number(tested: set[int], case: int) -> None:
    assert case in tested
