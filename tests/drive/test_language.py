"""The language of ``q``: what is read, and what is said about what cannot be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labora.base.errors import InvalidError
from labora.drive.language import FIELDS, MAX_DEPTH, Both, Compare, Condition, Not, compares, parse


def test_not_binds_before_and_and_and_before_or() -> None:
    a, b, c = (Compare("name", "=", letter) for letter in "abc")
    assert parse("name = 'a' or name = 'b' and not name = 'c'") == Both("or", (a, Both("and", (b, Not(c)))))
    assert parse("(name = 'a' or name='b')AND(name='c')") == Both("and", (Both("or", (a, b)), c))
    assert parse("not (name = 'a')") == Not(a)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"name contains 'it\'s \\ \"x\"'", Compare("name", "contains", 'it\'s \\ "x"')),
        ("'root' in parents", Compare("parents", "in", "root")),
        ("sharedWithMe", Compare("sharedWithMe", "=", value=True)),
        ("sharedWithMe = false", Compare("sharedWithMe", "=", value=False)),
        ("modifiedTime > '2026-01-31'", Compare("modifiedTime", ">", "2026-01-31T00:00:00.000Z")),
        ("createdTime <= '2026-01-31T12:00:00+02:00'", Compare("createdTime", "<=", "2026-01-31T10:00:00.000Z")),
    ],
)
def test_comparisons(text: str, expected: Condition) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("", 0, "'not', '('"),
        ("churn", 0, "a text in single quotes or one of name"),
        ("name", 4, "one of contains = !="),
        ("name contains churn", 14, "a text in single quotes"),
        ("name contains 'churn", 14, "a closing quote"),
        ("name > 'a'", 5, "one of contains = !="),
        ("trashed = 'true'", 10, "true or false"),
        ("(name = 'a'", 11, "')'"),
        ("name = 'a' name = 'b'", 11, "'and', 'or' or the end"),
        ("'x' in writers", 7, "one of parents, owners"),
        ("'x' parents", 4, "'in'"),
        ("modifiedTime > 'soon'", 15, "a time like"),
        ("name = 'a' ; drop", 11, "'and', 'or' or the end"),
        ("not " * (MAX_DEPTH + 1) + "name = 'a'", 4 * MAX_DEPTH, "at most"),
    ],
)
def test_an_error_says_where_and_what_is_expected(text: str, position: int, expected: str) -> None:
    with pytest.raises(InvalidError) as caught:
        parse(text)
    assert caught.value.error_code == "bad_query"
    assert caught.value.details["position"] == position
    assert expected in caught.value.details["expected"]
    assert f"character {position + 1}" in caught.value.message


def test_a_query_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidError, match="2001 characters"):
        parse("x" * 2001)


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def spelled(condition: Condition) -> str:
    match condition:
        case Compare(field, "in", value):
            return f"{quoted(str(value))} in {field}"
        case Compare(field, operator, bool(value)):
            return f"{field} {operator} {str(value).lower()}"
        case Compare(field, operator, value):
            return f"{field} {operator} {quoted(str(value))}"
        case Not(inner):
            return f"not ({spelled(inner)})"
        case Both(word, inner):
            return f" {word} ".join(f"({spelled(part)})" for part in inner)


words = st.text(max_size=20)
texts = [field for field, (_, kind) in FIELDS.items() if kind == "text"]
leaves = st.one_of(
    st.builds(Compare, st.sampled_from(texts), st.just("contains"), words),
    st.builds(Compare, st.sampled_from(["parents", "owners"]), st.just("in"), words),
    st.builds(Compare, st.sampled_from(["trashed", "starred"]), st.sampled_from(["=", "!="]), st.booleans()),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(Both, st.sampled_from(["and", "or"]), st.lists(inner, min_size=2, max_size=4).map(tuple)),
    ),
    max_leaves=8,
)


@given(conditions)
def test_what_is_spelled_is_read_as_it_was_meant(condition: Condition) -> None:
    text = spelled(condition)
    if len(text) <= 2000:
        assert parse(text) == condition


@given(
    st.one_of(
        st.text(max_size=80),
        st.lists(st.sampled_from(["name", "=", "'a'", "(", ")", "not", "and", "in", "'"]), max_size=12).map(" ".join),
    )
)
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    refused = None
    try:
        assert list(compares(parse(text)))
    except InvalidError as error:
        refused = error
    assert refused is None or 0 <= refused.details["position"] <= len(text)
