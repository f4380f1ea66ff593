"""What the runtimes of an account may use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labora.base.errors import InvalidError
from labora.base.settings import RuntimeSettings
from labora.runtimes.policy import PolicyRow, checked, defaults, effective

BASE = defaults(RuntimeSettings())
GB = 1024**3


def test_without_a_policy_the_settings_hold() -> None:
    assert effective(BASE, []) == BASE


def test_an_account_wins_over_its_groups_and_these_over_everyone() -> None:
    rows = [
        PolicyRow("account", "ada", cpus=1.0),
        PolicyRow("group", "students", memory_bytes=2 * GB, cpus=8.0, max_runtimes=1),
        PolicyRow("group", "lab", memory_bytes=16 * GB),
        PolicyRow("everyone", memory_bytes=1 * GB, idle_timeout_s=600),
    ]
    found = effective(BASE, rows)
    assert (found.cpus, found.memory_bytes, found.idle_timeout_s, found.max_runtimes) == (1.0, 16 * GB, 600, 1)
    assert found.max_lifetime_s == BASE.max_lifetime_s


limits = st.builds(
    PolicyRow,
    st.sampled_from(["everyone", "group", "account"]),
    st.just("x"),
    memory_bytes=st.none() | st.integers(GB, 64 * GB),
    idle_timeout_s=st.none() | st.floats(1, 1e6),
)


@given(st.lists(limits, max_size=6), st.randoms())
def test_the_order_of_rows_does_not_matter(rows: list[PolicyRow], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert effective(BASE, shuffled) == effective(BASE, rows)


@pytest.mark.parametrize(
    "limit", [{"memory_bytes": 1}, {"cpus": 0}, {"idle_timeout_s": 0.5}, {"max_runtimes": 0}, {"processes": 2}]
)
def test_a_limit_that_makes_no_sense_is_named(limit: dict[str, float]) -> None:
    with pytest.raises(InvalidError) as caught:
        checked(PolicyRow("everyone", **limit))
    assert next(iter(limit)) in caught.value.message
