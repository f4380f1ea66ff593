"""What data frames hold, and what is set up when a library is imported."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


class NAType:
    """What pandas says is missing: comparing it is neither true nor false."""

    def __ne__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = object.__hash__


class Several(NAType):
    """An array in a cell: comparing it gives several values."""

    ndim = 1

    def __bool__(self) -> bool:
        raise ValueError("The truth value of an array with more than one element is ambiguous.")

    def __str__(self) -> str:
        return "[1 2]"


def test_a_cell_shows_what_is_missing_and_what_has_several_values(agent: Any) -> None:
    from google.colab.data_table import _cell

    cells = [None, float("nan"), NAType(), Several(), "text", 2, 2**60, True]
    assert [_cell(value) for value in cells] == [None, None, None, "[1 2]", "text", 2, str(2**60), "True"]


def test_a_library_is_set_up_also_while_another_thread_looks_for_one(
    agent: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google.colab import _import_hooks

    (tmp_path / "slow_one.py").write_text("")
    (tmp_path / "quick_one.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    looking, found = threading.Event(), threading.Event()

    class Slow:
        """Looks for one library until the other one has been found."""

        def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
            if name == "slow_one":
                looking.set()
                found.wait(30)

    done: list[str] = []

    def hook(module: ModuleType) -> None:
        done.append(module.__name__)

    monkeypatch.setattr(_import_hooks, "HOOKS", {"slow_one": hook, "quick_one": hook})
    monkeypatch.setattr(sys, "meta_path", [_import_hooks._Finder(), Slow(), *sys.meta_path])
    slow = threading.Thread(target=__import__, args=("slow_one",))
    slow.start()
    try:
        assert looking.wait(30)
        __import__("quick_one")
        assert done == ["quick_one"]
    finally:
        found.set()
        slow.join()
        for name in ("slow_one", "quick_one"):
            sys.modules.pop(name, None)
    assert done == ["quick_one", "slow_one"]
