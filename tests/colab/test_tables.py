"""What data frames hold."""

from __future__ import annotations

from typing import Any


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
